// SPDX-License-Identifier: Apache-2.0
// Finding keys and reading values, by the commands that there are.
import { command, pipeline, type Outcome } from "./api";
import type { Keyspace } from "./types";
import { from_base64, type Bytes } from "./utf8";

/** The keyspace that a key is in: the part before its first colon, where that is declared. */
export function keyspace_of(key: string, declared: readonly string[]): string {
  const colon = key.indexOf(":");
  const name = colon < 0 ? "" : key.slice(0, colon);
  return declared.includes(name) ? name : "default";
}

export interface FoundKey {
  key: string;
  type: string;
}

/** A SCAN is asked so often at most before what was found is shown: a pattern may match nothing among millions. */
const scans_max = 20;
const scan_count = "1000";

export interface Found {
  keys: FoundKey[];
  /** "0": that were all. */
  cursor: string;
}

/** Matches what is typed: a pattern as it is, a bare word as the beginning of a key. */
export function pattern_of(keyspace: string, typed: string): string {
  const prefix = keyspace === "default" ? "" : `${escaped(keyspace)}:`;
  if (typed === "") return `${prefix}*`;
  const bare = typed.startsWith(prefix) && prefix !== "" ? typed.slice(prefix.length) : typed;
  return prefix + (/[*?[]/.test(bare) ? bare : `${bare}*`);
}

const escaped = (text: string) => text.replace(/[*?[\]\\]/g, "\\$&");

/** Walks until `wanted` keys are there or all were seen. */
export async function find_keys(
  keyspace: string,
  declared: readonly string[],
  typed: string,
  type: string,
  wanted: number,
  signal: AbortSignal,
): Promise<Outcome<Found>> {
  const words = ["MATCH", pattern_of(keyspace, typed), "COUNT", scan_count, ...(type ? ["TYPE", type] : [])];
  const keys = new Set<string>();
  let cursor = "0";
  for (let i = 0; i < scans_max; i++) {
    const outcome = await command<[string, string[]]>(["SCAN", cursor, ...words], { signal });
    if (!outcome.ok) return outcome;
    for (const key of outcome.value[1]) if (keyspace_of(key, declared) === keyspace) keys.add(key);
    cursor = outcome.value[0];
    if (cursor === "0" || keys.size >= wanted) break;
  }
  const all = [...keys].sort();
  const shown = all.slice(0, wanted);
  const types = type
    ? null
    : await pipeline(
        shown.map((key) => ["TYPE", key]),
        { signal },
      );
  if (types && !types.ok) return types;
  return {
    ok: true,
    replayed: null,
    etag: null,
    value: {
      cursor: all.length > wanted && cursor === "0" ? "more" : cursor,
      keys: shown.map((key, i) => ({ key, type: types ? String(types.value[i]) : type })),
    },
  };
}

export type Value =
  | { type: "none" }
  | { type: "string"; value: Bytes; size: number }
  | { type: "hash"; fields: [field: Bytes, value: Bytes][]; size: number }
  | { type: "set"; members: Bytes[]; size: number }
  | { type: "zset"; scored: [member: Bytes, score: string][]; size: number }
  | { type: "list"; items: Bytes[]; size: number }
  | { type: "other"; name: string };

export interface KeyFacts {
  value: Value;
  /** Milliseconds until it expires; null: it does not. */
  expires_in_ms: number | null;
  version: number | null;
  memory_bytes: number | null;
}

/** So much of a value is shown. */
export const shown_bytes_max = 64 * 1024;
export const shown_elements_max = 500;

const number_or_null = (told: unknown) => (typeof told === "number" && told >= 0 ? told : null);

export async function read_key(
  key: string,
  keyspace: Keyspace | undefined,
  signal: AbortSignal,
): Promise<Outcome<KeyFacts>> {
  const strong = keyspace?.guarantee !== "eventual";
  const about = await pipeline(
    [["TYPE", key], ["PTTL", key], ["MEMORY", "USAGE", key], ...(strong ? [["VERSION", key]] : [])],
    { signal },
  );
  if (!about.ok) return about;
  const [type, ttl, memory, version] = about.value;
  if (typeof type !== "string") return { ok: false, error: type as never };
  const value = await read_value(key, type, signal);
  if (!value.ok) return value;
  return {
    ...value,
    value: {
      value: value.value,
      expires_in_ms: number_or_null(ttl),
      memory_bytes: number_or_null(memory),
      version: number_or_null(version),
    },
  };
}

const base64 = { "Upstash-Encoding": "base64" };

async function read_value(key: string, type: string, signal: AbortSignal): Promise<Outcome<Value>> {
  const ask = (words: string[]) => command<never>(words, { signal, headers: base64 });
  const map = <T>(outcome: Outcome<T>, to: (told: T) => Value): Outcome<Value> =>
    outcome.ok ? { ...outcome, value: to(outcome.value) } : outcome;
  const sizes = { string: "STRLEN", hash: "HLEN", set: "SCARD", zset: "ZCARD", list: "LLEN" };
  const size = await command<number>([(sizes as Record<string, string>)[type] ?? "EXISTS", key], { signal });
  if (!size.ok) return size;
  if (type === "string")
    return map<string>(await ask(["GETRANGE", key, "0", String(shown_bytes_max - 1)]), (told) => ({
      type: "string",
      value: from_base64(told),
      size: size.value,
    }));
  if (type === "hash")
    return map<[string, string[]]>(await ask(["HSCAN", key, "0", "COUNT", String(shown_elements_max)]), ([, flat]) => ({
      type: "hash",
      size: size.value,
      fields: Array.from({ length: flat.length / 2 }, (_, i): [Bytes, Bytes] => [
        from_base64(flat[2 * i] ?? ""),
        from_base64(flat[2 * i + 1] ?? ""),
      ])
        .sort(by_name(([field]) => field))
        .slice(0, shown_elements_max),
    }));
  if (type === "set")
    return map<[string, string[]]>(
      await ask(["SSCAN", key, "0", "COUNT", String(shown_elements_max)]),
      ([, members]) => ({
        type: "set",
        size: size.value,
        members: members
          .map(from_base64)
          .sort(by_name((m) => m))
          .slice(0, shown_elements_max),
      }),
    );
  if (type === "zset")
    return map<string[]>(await ask(["ZRANGE", key, "0", String(shown_elements_max - 1), "WITHSCORES"]), (flat) => ({
      type: "zset",
      size: size.value,
      scored: Array.from({ length: flat.length / 2 }, (_, i): [Bytes, string] => [
        from_base64(flat[2 * i] ?? ""),
        from_base64(flat[2 * i + 1] ?? "").text ?? "",
      ]),
    }));
  if (type === "list")
    return map<string[]>(await ask(["LRANGE", key, "0", String(shown_elements_max - 1)]), (items) => ({
      type: "list",
      size: size.value,
      items: items.map(from_base64),
    }));
  return {
    ok: true,
    replayed: null,
    etag: null,
    value: type === "none" ? { type: "none" } : { type: "other", name: type },
  };
}

function by_name<T>(bytes_of: (element: T) => Bytes): (a: T, b: T) => number {
  const name = (element: T) => bytes_of(element).text ?? "\uffff";
  return (a, b) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0);
}
