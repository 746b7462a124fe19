// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";

import { command, sign_in_wanted } from "../api";
import { count } from "../format";
import { useAsked, useLive, useStore } from "../hooks";
import { Field } from "../parts/form";
import { Failed, Loading } from "../parts/notes";
import { Card, Facts, Page } from "../parts/page";
import { Table } from "../parts/table";
import { token } from "../session";
import { set_theme, theme, themes } from "../theme";

/** A flat list of names and values, as RESP2 answers a map. */
function pairs(flat: string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, i): [string, string] => [
    flat[2 * i] ?? "",
    flat[2 * i + 1] ?? "",
  ]);
}

function Look() {
  const chosen = useStore(theme);
  return (
    <Card title="This page">
      <fieldset class="choices">
        <legend>Theme</legend>
        {themes.map((t) => (
          <label key={t} class="check">
            <input type="radio" name="theme" value={t} checked={chosen === t} onChange={() => set_theme(t)} />{" "}
            {t === "system" ? "as the system has it" : t}
          </label>
        ))}
      </fieldset>
    </Card>
  );
}

function Caller() {
  const { state } = useLive();
  const caller = state?.caller;
  return (
    <Card
      title="Who you are"
      actions={
        token() !== null && (
          <button type="button" onClick={sign_in_wanted}>
            Log out
          </button>
        )
      }
    >
      {caller?.service ? (
        <p>
          Service <b>{caller.service}</b>
          {caller.admin ? ", which administers." : ": you see what it may see."} The token is kept in this tab alone.
        </p>
      ) : (
        <p>Nobody signs in here: no service is declared, so everybody who reaches this node does everything.</p>
      )}
    </Card>
  );
}

export function Settings() {
  const { state, tick } = useLive();
  const [filter, set] = useState("");
  // Settings can be changed while the node runs, and are in no log: asked now and then.
  const asked = useAsked(
    "config",
    (signal) => command<string[]>(["CONFIG", "GET", "*"], { signal }),
    Math.floor(tick / 5),
  );
  const all = asked.value ? pairs(asked.value).filter(([name]) => name.includes(filter.trim().toLowerCase())) : [];
  const node = state?.node;
  return (
    <Page title="Settings">
      <div class="columns">
        <Look />
        <Caller />
      </div>
      {node && (
        <Card title="This node">
          <Facts
            across
            of={[
              ["id", node.id],
              ["engine", node.engine ?? "–"],
              ["state", node.here ?? node.state],
              ["applied position", count(node["applied-position"] ?? 0)],
              ["durable position", count(node["durable-position"])],
              ["RESP", node.resp || "loopback"],
              ["HTTP", location.host],
              ["mesh", node.mesh || "none"],
            ]}
          />
        </Card>
      )}
      <Card title="Configuration">
        <p class="dim">
          What can change while the node runs is changed by <code>CONFIG SET</code>; the rest by flags of{" "}
          <code>holdfast serve</code>.
        </p>
        {asked.error && <Failed error={asked.error} again={asked.again} />}
        {!asked.value && !asked.error && <Loading />}
        {asked.value && (
          <>
            <div class="filters">
              <Field label="Name contains" value={filter} set={set} type="search" />
            </div>
            <Table
              caption="Configuration"
              class="dense"
              rows={all}
              key_of={([name]) => name}
              columns={[
                { name: "setting", cell: ([name]) => <code>{name}</code> },
                {
                  name: "value",
                  cell: ([, value]) =>
                    value === "" ? <span class="dim">(empty)</span> : <code class="cell">{value}</code>,
                },
              ]}
            />
          </>
        )}
      </Card>
    </Page>
  );
}
