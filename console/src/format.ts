// SPDX-License-Identifier: Apache-2.0
// Numbers as a person reads them. Pure, in one language whatever the browser's,
// so that two people who compare screens see the same.

/** 1234567 → "1,234,567". */
export function count(n: number): string {
  return Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

function scaled(n: number): string {
  return n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2);
}

/** 1536 → "1.50 KiB". */
export function bytes(n: number): string {
  if (n < 1024) return `${Math.round(n)} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = n / 1024;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${scaled(value)} ${units[unit]}`;
}

/** Microseconds, in the unit that suits. */
export function micros(us: number): string {
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1_000_000) return `${scaled(us / 1000)} ms`;
  return `${scaled(us / 1_000_000)} s`;
}

/** How long, from milliseconds: "340 ms", "4.2 s", "3 min", "5 h", "2 d". */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const s = Math.round(ms / 1000);
  if (s < 120) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 120) return `${min} min`;
  const h = Math.floor(min / 60);
  return h < 48 ? `${h} h` : `${Math.floor(h / 24)} d`;
}

/** A rate: whole numbers, but small ones as they are. */
export function rate(n: number): string {
  return n > 0 && n < 10 ? n.toFixed(1).replace(/\.0$/, "") : count(n);
}

const two = (n: number) => String(n).padStart(2, "0");

/** The local time of day. */
export function clock(ms: number): string {
  const d = new Date(ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** The local date and time, as ISO 8601 orders it. */
export function moment(ms: number): string {
  const d = new Date(ms);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(ms)}`;
}

/** "3 keys", "1 key". */
export function plural(n: number, one: string, many: string = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function percent(part: number, whole: number): string {
  return whole > 0 ? `${Math.round((100 * part) / whole)} %` : "–";
}

/** "a", "a and b", "a, b and c". */
export function listed(names: string[]): string {
  return names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
}

/** A node's name in a sentence: "node 1", but "node1" or "berlin" as they are. */
export function node_name(id: string): string {
  return /^\d+$/.test(id) ? `node ${id}` : id;
}

/** At the beginning of a sentence. Names that operators gave stay as they are. */
export function nodes_named(ids: string[]): string {
  return listed(ids.map(node_name)).replace(/^node (?=\d)/, "Node ");
}

/** As one line of at most so many characters. */
export function short(text: string, most = 60): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}
