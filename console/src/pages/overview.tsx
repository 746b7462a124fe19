// SPDX-License-Identifier: Apache-2.0
import { bytes, count, duration, listed, micros, node_name, percent, plural, rate } from "../format";
import { useLive } from "../hooks";
import { Chart } from "../parts/chart";
import { ClusterPicture, pictured_max } from "../parts/cluster_picture";
import { Badge, Command, Loading } from "../parts/notes";
import { Card, Facts, Page } from "../parts/page";
import { Table } from "../parts/table";
import { link } from "../route";
import { span_of, type Live } from "../store";
import { presence, troubles, type Presence, type Trouble } from "../trouble";
import type { NodeFacts, State } from "../types";

const said: Record<Presence, { kind: "good" | "bad" | "warn" | "quiet"; text: string }> = {
  here: { kind: "good", text: "this node" },
  connected: { kind: "good", text: "connected" },
  away: { kind: "bad", text: "away" },
  behind: { kind: "warn", text: "behind" },
  unknown: { kind: "quiet", text: "member" },
};

function Wrong({ trouble }: { trouble: Trouble }) {
  return (
    <li class={`note ${trouble.level}`}>
      <p>
        <strong>{trouble.what}</strong>
      </p>
      <p>{trouble.next}</p>
      {trouble.command && <Command line={trouble.command} />}
      {trouble.href && (
        <p>
          <a href={trouble.href}>{trouble.href_says}</a>
        </p>
      )}
    </li>
  );
}

function Now({ state }: { state: State }) {
  const found = troubles(state);
  return (
    <section class="now" aria-labelledby="now">
      <h2 id="now" class="spoken">
        What is wrong right now
      </h2>
      {/* Said aloud when it changes: the number, not every detail. */}
      <p role="status" class={found.length === 0 ? "note good" : "spoken"}>
        {found.length === 0 ? <strong>All is well.</strong> : `${plural(found.length, "thing")} to see to`}
        {found.length === 0 && ` ${well(state)}`}
      </p>
      {found.length > 0 && (
        <ul class="plain">
          {found.map((t) => (
            <Wrong key={t.what} trouble={t} />
          ))}
        </ul>
      )}
    </section>
  );
}

function well(state: State): string {
  const others = (state.links ?? []).flatMap((l) => (l.connected && l.node !== null ? [l.node] : []));
  const parts: string[] = [];
  if (state.engine && state.engine.name !== "none") parts.push(`the engine (${state.engine.name}) answers`);
  if (others.length > 0) parts.push(`${listed(others.map(node_name))} ${others.length === 1 ? "is" : "are"} connected`);
  parts.push("no run is stuck");
  const text = listed(parts);
  return `${text[0]?.toUpperCase()}${text.slice(1)}.`;
}

function Charts({ live }: { live: Live }) {
  const shared = span_of(live);
  const of = (f: (s: Live["samples"][number]) => number | null) => live.samples.map((s) => ({ x: s.at_ms, y: f(s) }));
  return (
    <div class="columns">
      <Card>
        <Chart
          title="Load"
          {...shared}
          least={10}
          format={rate}
          series={[
            { name: "commands a second", points: of((s) => s.commands), look: 1, filled: true },
            { name: "refused", points: of((s) => s.refused), look: 3 },
          ]}
        />
      </Card>
      <Card>
        <Chart
          title="Latency, from arrival to reply"
          {...shared}
          least={100}
          format={micros}
          series={[
            { name: "median", points: of((s) => s.p50_us), look: 1 },
            { name: "95 of 100", points: of((s) => s.p95_us), look: 2 },
            { name: "99 of 100", points: of((s) => s.p99_us), look: 3 },
          ]}
        />
      </Card>
    </div>
  );
}

/** The nodes that there are; one alone has no list of members. */
function members(state: State): NodeFacts[] {
  return (state.nodes?.length ?? 0) > 0 ? state.nodes! : [state.node];
}

function Nodes({ state }: { state: State }) {
  const link_of = (id: string) => (state.links ?? []).find((l) => l.node === id);
  return (
    <Card title={`Nodes, and the links of ${node_name(state.node.id)}`}>
      {members(state).length > 1 && members(state).length <= pictured_max && (
        <ClusterPicture state={state} nodes={members(state)} />
      )}
      <Table
        caption="Nodes of the cluster, and this node's link to each"
        rows={members(state)}
        key_of={(n) => n.id}
        columns={[
          { name: "node", cell: (n) => n.id },
          {
            name: "is",
            cell: (n) => <Badge kind={said[presence(state, n)].kind}>{said[presence(state, n)].text}</Badge>,
          },
          { name: "RESP", cell: (n) => n.resp || "–" },
          { name: "durable up to", number: true, cell: (n) => count(n["durable-position"]) },
          {
            name: "this one is behind it by",
            number: true,
            cell: (n) => {
              const ms = link_of(n.id)?.["behind-ms"];
              return ms === undefined || ms === null ? "–" : duration(ms);
            },
          },
          {
            name: "entries not sent yet",
            number: true,
            cell: (n) => (link_of(n.id) ? count(link_of(n.id)?.["unsent-entries"] ?? 0) : "–"),
          },
          {
            name: "sent",
            number: true,
            cell: (n) => (link_of(n.id) ? bytes(link_of(n.id)?.["sent-bytes"] ?? 0) : "–"),
          },
        ]}
      />
    </Card>
  );
}

const time = (us: number | null | undefined) => (us === null || us === undefined ? "–" : micros(us));

function Figures({ state }: { state: State }) {
  const { engine, load, runs, slow } = state;
  const used = load?.["memory-bytes"] ?? 0;
  const limit = load?.["memory-limit-bytes"] ?? 0;
  return (
    <div class="columns three">
      <Card title="Engine">
        <Facts
          of={[
            [
              "kind",
              engine?.name === "none" ? "none: eventual keyspaces only" : (engine?.name ?? state.node.engine ?? "–"),
            ],
            [
              "reachable",
              engine ? (
                engine.name === "none" ? (
                  "–"
                ) : engine.reachable !== false ? (
                  "yes"
                ) : (
                  <Badge kind="bad">no</Badge>
                )
              ) : (
                "–"
              ),
            ],
            ["position", count(engine?.position ?? state.node["applied-position"] ?? 0)],
            [
              "append, median / 99 of 100",
              engine?.["append-p50-us"] === undefined
                ? "–"
                : `${time(engine["append-p50-us"])} / ${time(engine["append-p99-us"])}`,
            ],
          ]}
        />
      </Card>
      <Card title="This node">
        <Facts
          of={[
            ["memory", limit > 0 ? `${bytes(used)} of ${bytes(limit)} (${percent(used, limit)})` : bytes(used)],
            ["connections", `${count(load?.connections ?? 0)} RESP, ${count(load?.["http-connections"] ?? 0)} HTTP`],
            ["commands since it began", count(load?.requests ?? 0)],
            ["slowest just now", time(state.latency?.["max-us"])],
          ]}
        />
      </Card>
      <Card title="Work">
        <Facts
          of={[
            [
              "keyspaces",
              <a href={link(["keyspaces"])}>
                {count((state.keyspaces?.length ?? 0) + (state["keyspaces-more"] ?? 0))}
              </a>,
            ],
            ["runs running / being undone", `${count(runs?.running ?? 0)} / ${count(runs?.undoing ?? 0)}`],
            [
              "runs stuck",
              (runs?.stuck ?? 0) > 0 ? (
                <a href={link(["workflows"], { state: "stuck" })}>{count(runs?.stuck ?? 0)}</a>
              ) : (
                "0"
              ),
            ],
            ["slow commands", <a href={link(["slow"])}>{count(slow?.count ?? 0)}</a>],
          ]}
        />
      </Card>
    </div>
  );
}

export function Overview() {
  const live = useLive();
  return (
    <Page title="Overview">
      {live.state ? (
        <>
          {/* A node that does not answer may be anything but well. */}
          {live.status.is === "live" && <Now state={live.state} />}
          <Charts live={live} />
          <Figures state={live.state} />
          <Nodes state={live.state} />
        </>
      ) : (
        <Loading />
      )}
    </Page>
  );
}
