// SPDX-License-Identifier: Apache-2.0
// What is wrong right now, in words, worst first, each with what to do next.
import { bytes, count, duration, listed, node_name, nodes_named, plural } from "./format";
import { link } from "./route";
import type { NodeFacts, State } from "./types";

export interface Trouble {
  level: "bad" | "warn";
  what: string;
  next: string;
  /** To type, where that is the next thing to do. */
  command?: string;
  /** Where in the console to look. */
  href?: string;
  href_says?: string;
}

const memory_near = 0.9;
const ids_near = 0.9;
export const stale_ms = 10_000;

export type Presence = "here" | "connected" | "away" | "behind" | "unknown";

/** How this node sees another one: its links say whom it reaches. */
export function presence(state: State, node: NodeFacts): Presence {
  if (node.id === state.node.id) return "here";
  const link_to = (state.links ?? []).find((l) => l.node === node.id);
  if (link_to && !link_to.connected) return "away";
  if (node.state === "behind") return "behind";
  return link_to ? "connected" : "unknown";
}

function of_nodes(state: State): Trouble[] {
  const nodes = state.nodes ?? [];
  const links = state.links ?? [];
  const named = new Set(nodes.map((n) => n.id));
  const away = [
    ...nodes.filter((n) => presence(state, n) === "away").map((n) => n.id),
    ...links
      .filter((l) => !l.connected && (l.node === null || !named.has(l.node)))
      .map((l) => l.node ?? `@${l.address ?? "?"}`),
  ];
  const why = [...new Set(links.filter((l) => !l.connected && l.trouble).map((l) => l.trouble))].join("; ");
  const behind = nodes.filter((n) => presence(state, n) === "behind").map((n) => n.id);
  const found: Trouble[] = [];
  if (away.length > 0) {
    const it = away.length === 1;
    found.push({
      level: "bad",
      what: `${nodes_named(away)} ${it ? "is" : "are"} away: this node has no connection to ${it ? "it" : "them"}${why ? ` (${why})` : ""}.`,
      next: `Look whether ${it ? "it runs" : "they run"} and whether the network lets the mesh port through. The others go on and keep what ${it ? "it misses" : "they miss"}. If ${it ? "it" : "one"} will not come back, take it out of the cluster:`,
      command: `redis-cli NODE REMOVE ${away[0]}`,
    });
  }
  if (behind.length > 0)
    found.push({
      level: "warn",
      what: `${plural(behind.length, "node")} marked as behind: ${listed(behind)}.`,
      next: "The log no longer waits for it. It loads another node's checkpoint when it is back; nothing is to be done but to start it.",
    });
  const here = state.node.here;
  // Without its engine it is not ready either: that is said already.
  if (here !== undefined && here !== "ok" && of_engine(state).length === 0)
    found.push({
      level: "bad",
      what: `This node is not ready: ${here}.`,
      next: "What it waits for is told at /readyz.",
      command: `curl -s ${state.node.http || "localhost:7380"}/readyz`,
    });
  return found;
}

function of_engine(state: State): Trouble[] {
  const engine = state.engine;
  if (!engine || engine.reachable !== false || engine.name === "none") return [];
  return [
    {
      level: "bad",
      what: `The engine (${engine.name}) is not reachable: strong keyspaces refuse reads and writes with UNAVAILABLE.`,
      next: "Eventual keyspaces and LOCAL reads go on. Look whether a majority of the engine's members runs and whether this node reaches them:",
      command: "etcdctl endpoint status --cluster",
    },
  ];
}

function of_load(state: State): Trouble[] {
  const found: Trouble[] = [];
  const used = state.load?.["memory-bytes"] ?? 0;
  const limit = state.load?.["memory-limit-bytes"] ?? 0;
  if (limit > 0 && used >= memory_near * limit)
    found.push({
      level: used >= limit ? "bad" : "warn",
      what: `Memory is ${used >= limit ? "at" : "near"} its limit: ${bytes(used)} of ${bytes(limit)}.`,
      next: "At the limit writes are refused with BUSY. Drop or expire what is not needed, or raise the limit:",
      command: `redis-cli CONFIG SET memory-limit ${Math.ceil(limit * 1.5)}`,
    });
  const refused = state.load?.["refused-a-second"] ?? 0;
  if (refused >= 1)
    found.push({
      level: "warn",
      what: `${count(refused)} requests a second are refused.`,
      next: "A limit of memory, connections or waiting work is reached, or callers ask for what they may not. INFO tells which:",
      command: "redis-cli INFO stats",
    });
  return found;
}

function of_runs(state: State): Trouble[] {
  const stuck = state.runs?.stuck ?? 0;
  if (stuck === 0) return [];
  return [
    {
      level: "bad",
      what: `${plural(stuck, "workflow run is", "workflow runs are")} stuck: an undo failed for good.`,
      next: "Each tells the service that began it which step and why. Mend the cause, then retry it.",
      href: link(["workflows"], { state: "stuck" }),
      href_says: "Show stuck runs",
    },
  ];
}

function of_keyspaces(state: State): Trouble[] {
  const found: Trouble[] = [];
  const stale = new Map<string, number>();
  for (const k of state.keyspaces ?? []) {
    const most = Number(k["max-ids-bytes"]);
    if (most > 0 && k["ids-bytes"] >= ids_near * most)
      found.push({
        level: "warn",
        what: `Keyspace ${k.name} remembers ${bytes(k["ids-bytes"])} of request ids; at ${bytes(most)} new ids get BUSY.`,
        next: "Let it keep more, or remember for a shorter time.",
        href: link(["keyspaces", k.name]),
        href_says: `Open ${k.name}`,
      });
    for (const [node, ms] of Object.entries(k["behind-ms"] ?? {}))
      if (ms !== null && ms >= stale_ms) stale.set(node, Math.max(ms, stale.get(node) ?? 0));
  }
  const connected = (node: string) => (state.links ?? []).some((l) => l.node === node && l.connected);
  for (const [node, ms] of stale) {
    if (!connected(node)) continue; // said already: it is away
    found.push({
      level: "warn",
      what: `This node may be ${duration(ms)} behind ${node_name(node)} in eventual keyspaces, though they are connected.`,
      next: "Look at the load and the disk of both; FRESH reads are refused with STALE meanwhile.",
    });
  }
  return found;
}

export function troubles(state: State): Trouble[] {
  const all = [...of_engine(state), ...of_nodes(state), ...of_runs(state), ...of_load(state), ...of_keyspaces(state)];
  return [...all.filter((t) => t.level === "bad"), ...all.filter((t) => t.level === "warn")];
}
