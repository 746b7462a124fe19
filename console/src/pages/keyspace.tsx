// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";

import { bytes, count, duration, moment, plural, rate } from "../format";
import { useLive } from "../hooks";
import { Chart } from "../parts/chart";
import { Badge, Empty, Loading } from "../parts/notes";
import { Card, Facts, Page } from "../parts/page";
import { Table } from "../parts/table";
import { link } from "../route";
import { span_of, type Live } from "../store";
import { stale_ms } from "../trouble";
import type { Keyspace } from "../types";
import { AlterKeyspace, DropKeyspace } from "./keyspace_form";
import { GuaranteeBadge } from "./keyspaces";

const above = { href: link(["keyspaces"]), text: "Keyspaces" };

function Ids({ of }: { of: Keyspace }) {
  const most = Number(of["max-ids-bytes"]);
  return (
    <Card title="Request ids">
      <Facts
        of={[
          ["remembered", `${count(of.ids)} (${bytes(of["ids-bytes"])}${most > 0 ? ` of ${bytes(most)}` : ""})`],
          ["replayed", `${count(of.replayed)}: retries that got the first reply`],
          ["reused", `${count(of.reused ?? 0)}: one id, two operations; refused`],
          ["expired", `${count(of.expired ?? 0)}: came after the window; refused`],
          ["remembered for", of["retain-ids"]],
          ["required", of["require-id"]],
        ]}
      />
    </Card>
  );
}

function Replicas({ of }: { of: Keyspace }) {
  const all = Object.entries(of["behind-ms"] ?? {});
  if (of.guarantee === "strong")
    return (
      <Card title="Replicas">
        <p>One order of all operations, kept by the engine: every read, at any node, returns the most recent write.</p>
      </Card>
    );
  return (
    <Card title="Replicas">
      {all.length === 0 ? (
        <p>This node is the only replica. Nodes started with the same cluster name and a mesh port become others.</p>
      ) : (
        <Table
          caption="How far this node may be behind each other one"
          rows={all}
          key_of={([node]) => node}
          columns={[
            { name: "node", cell: ([node]) => node },
            {
              name: "this one is behind it by at most",
              number: true,
              cell: ([, ms]) =>
                ms === null ? (
                  <Badge kind="warn">nothing heard yet</Badge>
                ) : ms >= stale_ms ? (
                  <Badge kind="warn">{duration(ms)}</Badge>
                ) : (
                  duration(ms)
                ),
            },
          ]}
        />
      )}
    </Card>
  );
}

function Load({ live, of }: { live: Live; of: Keyspace }) {
  return (
    <Card>
      <Chart
        title="Load at this node"
        {...span_of(live)}
        least={10}
        format={rate}
        series={[
          {
            name: "commands a second",
            look: 1,
            filled: true,
            points: live.samples.map((s) => ({ x: s.at_ms, y: s.keyspaces[of.name] ?? null })),
          },
        ]}
      />
    </Card>
  );
}

export function KeyspacePage({ name }: { name: string }) {
  const live = useLive();
  const [asked, ask] = useState<"alter" | "drop" | null>(null);
  const { state } = live;
  const of = state?.keyspaces?.find((k) => k.name === name);
  const caller = state?.caller;
  const admin = !caller || caller.admin;
  const may_alter = admin || (of?.owner !== "" && of?.owner === caller.service);
  if (!of)
    return (
      <Page title={name} above={above}>
        {state ? (
          <Empty command={`redis-cli KEYSPACE CREATE ${name} GUARANTEE strong`}>
            There is no keyspace {name}, or you may not see it. <a href={above.href}>See which there are</a>, or create
            it:
          </Empty>
        ) : (
          <Loading />
        )}
      </Page>
    );
  return (
    <Page
      title={name}
      above={above}
      actions={
        <>
          <a class="button" href={link(["data", name])}>
            Browse its data
          </a>
          {may_alter && (
            <button type="button" onClick={() => ask("alter")}>
              Alter
            </button>
          )}
          {admin && name !== "default" && (
            <button type="button" class="danger" onClick={() => ask("drop")}>
              Drop
            </button>
          )}
        </>
      }
    >
      <div class="columns">
        <Card title="What it is">
          <Facts
            of={[
              ["guarantee", <GuaranteeBadge of={of.guarantee} />],
              ["owner", of.owner || "nobody: every service reads and writes here"],
              ["keys", count(of.keys)],
              ["memory", bytes(of["memory-bytes"])],
              ["durability", of.durability],
              ["created", of["created-ms"] > 0 ? moment(of["created-ms"]) : "with the node"],
            ]}
          />
        </Card>
        <Ids of={of} />
      </div>
      <div class="columns">
        <Load live={live} of={of} />
        <Replicas of={of} />
      </div>
      {asked === "alter" && <AlterKeyspace keyspace={of} close={() => ask(null)} />}
      {asked === "drop" && <DropKeyspace name={name} keys={plural(of.keys, "key")} close={() => ask(null)} />}
    </Page>
  );
}
