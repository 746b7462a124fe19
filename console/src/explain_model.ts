// SPDX-License-Identifier: Apache-2.0
// What EXPLAIN says of a key, made into a sum and sentences that a newcomer
// understands. Pure; the page only draws it.
import { duration, node_name, nodes_named, plural } from "./format";

export interface Effect {
  what: string;
  id?: string | null;
  covered?: boolean;
  field?: string | null;
}

export interface Origin {
  origin: string;
  position?: number;
  clock?: string;
  effects: Effect[];
  sum?: number | string | null;
  /** So many effects more than are told. */
  more?: number;
}

export interface MergedId {
  id: string;
  "merged-from": string[];
  "counted-from": string;
  suppressed: number;
}

export interface ReplicaSays {
  node: string;
  answered: boolean;
  value?: unknown;
  digest?: string;
  "behind-ms"?: number | null;
  why?: string;
}

export interface Explanation {
  key: string;
  type: string;
  value?: unknown;
  "expires-at-ms"?: number | null;
  guarantee?: string;
  version?: number;
  position?: number;
  order?: string;
  origins?: Origin[];
  stable?: Record<string, unknown> | null;
  ids?: MergedId[];
  replicas?: ReplicaSays[];
}

/** A value in one line. */
export function line(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  return typeof value === "string" ? value : JSON.stringify(value);
}

export interface Term {
  from: string;
  amount: number;
}

const number = (value: unknown): number | null => {
  const n = typeof value === "number" ? value : typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : null;
  return n !== null && Number.isSafeInteger(n) ? n : null;
};

/** A counter as a sum of what each contributed; null where it is none, or the parts do not tell all. */
export function sum_of(of: Explanation): { terms: Term[]; total: number } | null {
  const total = number(of.value);
  if (total === null) return null;
  const terms: Term[] = [];
  const settled = number(of.stable?.["sum"] ?? of.stable?.["value"]);
  if (settled !== null && settled !== 0) terms.push({ from: "settled before", amount: settled });
  for (const origin of of.origins ?? []) {
    const sum = number(origin.sum);
    if (sum !== null) terms.push({ from: node_name(origin.origin), amount: sum });
  }
  const adds = terms.reduce((all, term) => all + term.amount, 0);
  return terms.length > 0 && adds === total ? { terms, total } : null;
}

export type Agreement = "agrees" | "differs" | "silent";

/** How a replica stands to this node's own answer. */
export function agreement(of: Explanation, replica: ReplicaSays): Agreement {
  if (!replica.answered) return "silent";
  const self = (of.replicas ?? []).find((r) => r.answered && line(r.value) === line(of.value));
  if (self?.digest && replica.digest) return self.digest === replica.digest ? "agrees" : "differs";
  return line(replica.value) === line(of.value) ? "agrees" : "differs";
}

export function sentences(of: Explanation): string[] {
  const found: string[] = [];
  const origins = (of.origins ?? []).filter((o) => o.effects.length > 0);
  const settled = of.stable && Object.values(of.stable).some((v) => v !== null && v !== 0 && v !== "");
  if (origins.length > 0)
    found.push(
      `${nodes_named(origins.map((o) => o.origin))} ${origins.length === 1 ? "has" : "have"} written to this key, and not every node is known to have all of it yet${settled ? "; what was written before that is settled" : ""}.`,
    );
  else if (settled || of.value !== null) found.push("All that was written to this key is known to every node: it is settled, and no longer told apart by who wrote it.");
  const suppressed = (of.ids ?? []).reduce((all, id) => all + id.suppressed, 0);
  if (suppressed > 0)
    found.push(
      `${plural(suppressed, "retry was", "retries were")} recognised by ${suppressed === 1 ? "its request id" : "their request ids"} and not counted a second time, though ${suppressed === 1 ? "it" : "they"} had reached another node.`,
    );
  const covered = origins.flatMap((o) => o.effects).filter((e) => e.covered).length;
  if (covered > 0) found.push(`${plural(covered, "effect")} ${covered === 1 ? "is" : "are"} covered: a later write that had seen ${covered === 1 ? "it" : "them"} took ${covered === 1 ? "its" : "their"} place.`);
  const replicas = of.replicas ?? [];
  const differing = replicas.filter((r) => agreement(of, r) === "differs");
  const silent = replicas.filter((r) => agreement(of, r) === "silent");
  if (replicas.length > 1 && differing.length === 0 && silent.length === 0) found.push("All replicas say the same.");
  if (differing.length > 0) found.push(`${nodes_named(differing.map((r) => r.node))} ${differing.length === 1 ? "says" : "say"} something else at this moment: what was written has not met yet. It does as soon as messages flow.`);
  if (silent.length > 0) found.push(`${nodes_named(silent.map((r) => r.node))} did not answer: what ${silent.length === 1 ? "it says" : "they say"} is not known. ${silent.length === 1 ? "It" : "They"} may hold writes that are not in this value yet.`);
  return found;
}

/** What a replica's lag means. */
export function lag(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "";
  return ms === 0 ? "up to date" : `may be ${duration(ms)} behind`;
}
