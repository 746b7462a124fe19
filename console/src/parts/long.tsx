// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";

import { count } from "../format";

const first = 240;

/** A value in a table's cell: of a long one the beginning, and the rest when asked for. */
export function Long({ text }: { text: string }) {
  const [whole, set] = useState(false);
  if (text.length <= first + 40 || whole) return <code class="cell">{text}</code>;
  return (
    <>
      <code class="cell">{text.slice(0, first)}…</code>
      <button type="button" class="small" onClick={() => set(true)}>
        Show all {count(text.length)} letters
      </button>
    </>
  );
}
