// SPDX-License-Identifier: Apache-2.0
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

export interface Column<T> {
  name: ComponentChildren;
  cell: (row: T) => ComponentChildren;
  number?: boolean;
  /** The row's header: its first column, unless told otherwise. */
  header?: boolean;
}

interface Props<T> {
  caption: string;
  columns: Column<T>[];
  rows: T[];
  key_of: (row: T) => string;
  class?: string;
}

/** A table that scrolls by itself on a narrow screen, and can be scrolled by keys where it does. */
export function Table<T>({ caption, columns, rows, key_of, class: name = "" }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [scrolls, set_scrolls] = useState(false);
  useEffect(() => {
    const look = () => set_scrolls(!!box.current && box.current.scrollWidth > box.current.clientWidth);
    look();
    window.addEventListener("resize", look);
    return () => window.removeEventListener("resize", look);
  }, [rows.length]);
  return (
    <>
      <div
        ref={box}
        class={`scroll ${name}`}
        {...(scrolls ? { tabIndex: 0, role: "region", "aria-label": caption } : {})}
      >
        <table>
          <caption class="spoken">{caption}</caption>
          <thead>
            <tr>
              {columns.map((c, i) => (
                <th key={i} scope="col" class={c.number ? "num" : ""}>
                  {c.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={key_of(row)}>
                {columns.map((c, i) =>
                  (c.header ?? i === 0) ? (
                    <th key={i} scope="row" class={c.number ? "num" : ""}>
                      {c.cell(row)}
                    </th>
                  ) : (
                    <td key={i} class={c.number ? "num" : ""}>
                      {c.cell(row)}
                    </td>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {scrolls && (
        <p class="dim sub" aria-hidden="true">
          More to the right: scroll sideways.
        </p>
      )}
    </>
  );
}
