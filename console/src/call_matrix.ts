// SPDX-License-Identifier: Apache-2.0
import type { Call } from "./types";

export interface Cell {
  calls: number;
  refused: number;
  failed: number;
}

export interface CallMatrix {
  /** Null: nobody had signed in. Last. */
  callers: (string | null)[];
  functions: string[];
  cells: Map<string, Map<string | null, Cell>>;
}

/** Callers across, functions down, both by name. */
export function call_matrix(calls: Call[]): CallMatrix {
  const cells: CallMatrix["cells"] = new Map();
  for (const { caller, function: name, ...cell } of calls) {
    const row = cells.get(name) ?? new Map<string | null, Cell>();
    const was = row.get(caller) ?? { calls: 0, refused: 0, failed: 0 };
    row.set(caller, {
      calls: was.calls + cell.calls,
      refused: was.refused + cell.refused,
      failed: was.failed + cell.failed,
    });
    cells.set(name, row);
  }
  const named = [...new Set(calls.map((c) => c.caller))];
  const callers: (string | null)[] = named.filter((c) => c !== null).sort();
  if (named.includes(null)) callers.push(null);
  return { callers, functions: [...cells.keys()].sort(), cells };
}
