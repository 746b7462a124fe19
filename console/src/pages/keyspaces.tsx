// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";

import { bytes, count, duration, plural, rate } from "../format";
import { useLive } from "../hooks";
import { Spark } from "../parts/chart";
import { Badge, Empty, Loading } from "../parts/notes";
import { Page } from "../parts/page";
import { Table } from "../parts/table";
import { link } from "../route";
import type { Live } from "../store";
import { stale_ms } from "../trouble";
import type { Keyspace } from "../types";
import { CreateKeyspace } from "./keyspace_form";

export function GuaranteeBadge({ of }: { of: string }) {
  return <Badge kind={of === "strong" ? "accent" : "quiet"}>{of}</Badge>;
}

/** The replica that this node may be furthest behind. */
export function Staleness({ of }: { of: Keyspace }) {
  const all = Object.entries(of["behind-ms"] ?? {});
  if (of.guarantee === "strong") return <span class="dim">never stale</span>;
  if (all.length === 0) return <span class="dim">one replica</span>;
  const unknown = all.filter(([, ms]) => ms === null).map(([node]) => node);
  if (unknown.length > 0) return <Badge kind="warn">unknown: {unknown.join(", ")}</Badge>;
  const most = Math.max(...all.map(([, ms]) => ms ?? 0));
  return most >= stale_ms ? <Badge kind="warn">{duration(most)}</Badge> : <>{duration(most)}</>;
}

export const rates_of = (live: Live, name: string): number[] =>
  live.samples.slice(-60).map((s) => s.keyspaces[name] ?? 0);

export function Keyspaces() {
  const live = useLive();
  const [creating, set_creating] = useState(false);
  const { state } = live;
  const all = state?.keyspaces ?? [];
  const may = !state?.caller || state.caller.admin;
  return (
    <Page
      title="Keyspaces"
      lead="A keyspace is a named set of keys: key likes:42 is in keyspace likes. It declares its guarantee and its owner."
      actions={
        may && (
          <button type="button" class="primary" onClick={() => set_creating(true)}>
            Create keyspace
          </button>
        )
      }
    >
      {!state && <Loading />}
      {state && all.length === 0 && (
        <Empty command="redis-cli KEYSPACE CREATE likes GUARANTEE eventual">
          No keyspace that you may see is declared.{" "}
          {may ? "Create one here, or type:" : "Ask who administers to create one:"}
        </Empty>
      )}
      {all.length > 0 && (
        <Table
          caption="Keyspaces"
          rows={all}
          key_of={(k) => k.name}
          class="card"
          columns={[
            { name: "keyspace", cell: (k) => <a href={link(["keyspaces", k.name])}>{k.name}</a> },
            { name: "guarantee", cell: (k) => <GuaranteeBadge of={k.guarantee} /> },
            { name: "owner", cell: (k) => k.owner || <span class="dim">nobody</span> },
            { name: "keys", number: true, cell: (k) => count(k.keys) },
            { name: "memory", number: true, cell: (k) => bytes(k["memory-bytes"]) },
            {
              name: "commands a second",
              number: true,
              cell: (k) => (
                <span class="sparked">
                  <Spark values={rates_of(live, k.name)} /> {rate(k["commands-a-second"] ?? 0)}
                </span>
              ),
            },
            { name: "behind at most", number: true, cell: (k) => <Staleness of={k} /> },
            { name: "ids kept", number: true, cell: (k) => count(k.ids) },
            { name: "replayed", number: true, cell: (k) => count(k.replayed) },
            { name: "reused", number: true, cell: (k) => count(k.reused ?? 0) },
            { name: "expired", number: true, cell: (k) => count(k.expired ?? 0) },
          ]}
        />
      )}
      {(state?.["keyspaces-more"] ?? 0) > 0 && (
        <p class="dim">
          {plural(state?.["keyspaces-more"] ?? 0, "keyspace")} more are not shown here. <code>KEYSPACE LIST</code> names
          all.
        </p>
      )}
      {creating && <CreateKeyspace close={() => set_creating(false)} engine={state?.engine?.name !== "none"} />}
    </Page>
  );
}
