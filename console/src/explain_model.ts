// SPDX-License-Identifier: Apache-2.0
// What EXPLAIN says of a key, made into a sum and sentences that a newcomer
// understands. Pure; the page only draws it.
import { duration, node_name, nodes_named, plural } from "./format";

export interface Effect {
  what: string;
  id: string | null;
  field?: string;
  member?: string;
  /** An operation that saw it removed it. */
  covered: boolean;
  /** It is a part of what the key shows. */
  counts: boolean;
}

export interface Origin {
  origin: string;
  /** A node that may have lost the end of its log goes on as another one. */
  incarnation?: string;
  position: number | string;
  effects: Effect[];
  sum: number | string | null;
  "effects-left-out"?: number;
}

/** A field or member that is settled. */
export interface Settled {
  field?: string;
  member?: string;
  value?: string;
  sum?: number | string;
  covered: boolean;
  counts: boolean;
}

export interface Stable {
  /** Quoted, as it was set. */
  value?: string;
  sum?: number | string;
  covered?: boolean;
  counts?: boolean;
  "expires-at-ms"?: number | null;
  fields?: Settled[];
  members?: Settled[];
  scores?: Settled[];
  "left-out"?: number;
  note?: string;
}

export interface MergedId {
  id: string;
  "merged-from": string[];
  "counted-from": string;
  suppressed: number;
  "answered-differently"?: boolean;
}

export interface ReplicaSays {
  node: string;
  answered: boolean;
  value?: string | null;
  digest?: string;
  "behind-ms"?: number | null;
  why?: string;
}

export interface Explanation {
  key: string;
  guarantee: "strong" | "eventual";
  type: string;
  value: string | null;
  digest?: string;
  version?: number | string;
  position?: number | string;
  note?: string;
  origins?: Origin[];
  stable?: Stable;
  ids?: MergedId[];
  "ids-left-out"?: number;
  replicas?: ReplicaSays[];
}

const number = (value: unknown): number | null => {
  const n =
    typeof value === "number" ? value : typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : null;
  return n !== null && Number.isSafeInteger(n) ? n : null;
};
/** `set "7"` or `"7"`: 7. */
const quoted_number = (text: string | undefined) => number(/^(?:set )?"(-?\d+)"$/.exec(text ?? "")?.[1]);
/** Of the key's own text or number, not of a field or member. */
const of_the_key = (effect: Effect) => effect.field === undefined && effect.member === undefined;

export interface Term {
  from: string;
  amount: number;
}

/** A counter as a sum of what each contributed; null where it is none, one part is all, or the parts do not tell all. */
export function sum_of(of: Explanation): { terms: Term[]; total: number } | null {
  const total = number(of.value);
  if (total === null || of.type !== "string") return null;
  const amounts = new Map<string, number>();
  const add = (from: string, amount: number | null) => {
    if (amount !== null) amounts.set(from, (amounts.get(from) ?? 0) + amount);
  };
  if (of.stable?.counts) {
    add("settled before", number(of.stable.sum));
    add("settled before", quoted_number(of.stable.value));
  }
  for (const origin of of.origins ?? []) {
    add(node_name(origin.origin), number(origin.sum));
    for (const effect of origin.effects)
      if (effect.counts && of_the_key(effect)) add(node_name(origin.origin), quoted_number(effect.what));
  }
  const terms = [...amounts].map(([from, amount]) => ({ from, amount }));
  const adds = terms.reduce((all, term) => all + term.amount, 0);
  return terms.length > 1 && adds === total ? { terms, total } : null;
}

/** An effect in a few words: on what, and what. */
export function effect_words(effect: Effect): string {
  if (effect.member !== undefined) return `${effect.what} ${effect.member}`;
  return effect.field !== undefined ? `${effect.field}: ${effect.what}` : effect.what;
}

/** Why an effect is no part of the value; nothing where it is one, or is a removal. */
export function why_not(effect: Effect): string {
  if (effect.covered) return "removed since";
  if (effect.counts || /^(remove|never expire)/.test(effect.what)) return "";
  return "a later one wins";
}

export interface SettledPart {
  words: string;
  why: string;
}

export function settled_parts(stable: Stable | undefined): SettledPart[] {
  if (!stable) return [];
  const why = (part: { covered?: boolean; counts?: boolean }) =>
    part.covered ? "removed since" : part.counts === false ? "a later one wins" : "";
  const found: SettledPart[] = [];
  if (stable.value !== undefined) found.push({ words: stable.value, why: why(stable) });
  if (stable.sum !== undefined) found.push({ words: `sum ${stable.sum}`, why: why(stable) });
  for (const f of stable.fields ?? [])
    found.push({
      words: `${f.field}: ${f.value ?? ""}${f.value !== undefined && f.sum !== undefined ? " + " : ""}${f.sum ?? ""}`,
      why: why(f),
    });
  for (const s of stable.scores ?? []) found.push({ words: `${s.member}: ${s.value ?? s.sum ?? ""}`, why: why(s) });
  for (const m of stable.members ?? []) found.push({ words: String(m.member), why: why(m) });
  return found;
}

export type Agreement = "agrees" | "differs" | "silent";

/** How a replica stands to this node's own answer. */
export function agreement(of: Explanation, replica: ReplicaSays): Agreement {
  if (!replica.answered) return "silent";
  return replica.digest === of.digest ? "agrees" : "differs";
}

export const writers = (of: Explanation): Origin[] =>
  (of.origins ?? []).filter((o) => o.effects.length > 0 || (o["effects-left-out"] ?? 0) > 0);
export const retried = (of: Explanation): MergedId[] => (of.ids ?? []).filter((id) => id.suppressed > 0);

function of_writers(of: Explanation): string[] {
  const names = [...new Set(writers(of).map((o) => o.origin))];
  const settled = settled_parts(of.stable).length > 0;
  if (names.length > 0)
    return [
      `${nodes_named(names)} ${names.length === 1 ? "has" : "have"} written here, and not every node is known to have it yet${settled ? "; what was written before is settled" : ""}.`,
    ];
  if (settled)
    return ["Every node has all that was written here: it is settled, and no longer told apart by who wrote it."];
  return of.type === "none" ? ["Nothing is known of this key: it was never written, or its removal is settled."] : [];
}

function of_retries(of: Explanation): string[] {
  const ids = retried(of);
  const suppressed = ids.reduce((all, id) => all + id.suppressed, 0);
  if (suppressed === 0) return [];
  const one = suppressed === 1;
  return [
    `${plural(suppressed, "retry was", "retries were")} recognised by ${one ? "its request id" : "their request ids"} and not counted again, though ${one ? "it" : "they"} had reached another node.`,
  ];
}

function of_replicas(of: Explanation): string[] {
  const replicas = of.replicas ?? [];
  const named = (kind: Agreement) => replicas.filter((r) => agreement(of, r) === kind).map((r) => r.node);
  const [differing, silent] = [named("differs"), named("silent")];
  const found: string[] = [];
  if (replicas.length > 1 && differing.length === 0 && silent.length === 0) found.push("All replicas say the same.");
  if (differing.length > 0)
    found.push(
      `${nodes_named(differing)} ${differing.length === 1 ? "says" : "say"} something else at this moment: what was written has not met yet. It does as soon as messages flow.`,
    );
  if (silent.length > 0)
    found.push(`${nodes_named(silent)} did not answer, and may hold writes that are not in this value yet.`);
  return found;
}

export function sentences(of: Explanation): string[] {
  const covered = writers(of)
    .flatMap((o) => o.effects)
    .filter((e) => e.covered).length;
  return [
    ...of_writers(of),
    ...of_retries(of),
    ...(covered > 0
      ? [
          `${plural(covered, "effect is", "effects are")} crossed out: a later write that had seen ${covered === 1 ? "it" : "them"} removed ${covered === 1 ? "it" : "them"}.`,
        ]
      : []),
    ...of_replicas(of),
  ];
}

/** How far this node may be behind what that replica has written. */
export function lag(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "";
  return ms === 0 ? "known up to now" : `known up to ${duration(ms)} ago`;
}

/** An id as it is told: of one that nobody named only the hash is kept. */
export function id_words(id: string): string {
  return id.startsWith("hash:") ? `#${id.slice(5, 13)}` : id;
}
