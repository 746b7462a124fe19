// SPDX-License-Identifier: Apache-2.0
import { clock } from "../format";
import { area_of, line_of, nice_top, type Point } from "../chart_layout";

export interface Series {
  name: string;
  points: Point[];
  /** 1 to 3: its colour and dashes. */
  look: 1 | 2 | 3;
  filled?: boolean;
}

interface Props {
  title: string;
  series: Series[];
  from_ms: number;
  to_ms: number;
  /** The axis reaches so far at least. */
  least: number;
  format: (n: number) => string;
}

const width = 600;
const height = 150;

/** Lines over time. The numbers of the last moment stand beside it as text, for everybody. */
export function Chart({ title, series, from_ms, to_ms, least, format }: Props) {
  const top = nice_top(Math.max(least, ...series.flatMap((s) => s.points.map((p) => p.y ?? 0))));
  const box = { width, height, from_ms, to_ms, top };
  const now = series.map((s) => ({ ...s, last: s.points[s.points.length - 1]?.y ?? null }));
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <ul class="legend">
          {now.map((s) => (
            <li key={s.name}>
              <svg class="swatch" viewBox="0 0 22 8" aria-hidden="true">
                <line class={`line look${s.look}`} x1="0" y1="4" x2="22" y2="4" />
              </svg>
              {s.name} <b class="num">{s.last === null ? "–" : format(s.last)}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div class="plot">
        <div class="scale" aria-hidden="true">
          <span>{format(top)}</span>
          <span>{format(top / 2)}</span>
          <span>0</span>
        </div>
        <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
          {[0, 0.5, 1].map((part) => (
            <line key={part} class="grid" x1="0" x2={width} y1={height * part} y2={height * part} />
          ))}
          {series.map(
            (s) => s.filled && <path key={`${s.name}-area`} class={`area look${s.look}`} d={area_of(s.points, box)} />,
          )}
          {series.map((s) => (
            <path key={s.name} class={`line look${s.look}`} d={line_of(s.points, box)} />
          ))}
        </svg>
      </div>
      <div class="axis" aria-hidden="true">
        <span>{clock(from_ms)}</span>
        <span>{clock(to_ms)}</span>
      </div>
    </figure>
  );
}

/** A line the size of a word. What it shows stands beside it as a number. */
export function Spark({ values }: { values: number[] }) {
  const top = Math.max(1, ...values);
  const points = values.map((y, i) => ({ x: i, y }));
  const box = { width: 80, height: 18, from_ms: 0, to_ms: Math.max(1, values.length - 1), top };
  return (
    <svg class="spark" viewBox="0 -1 80 20" preserveAspectRatio="none" aria-hidden="true">
      <path class="line look1" d={line_of(points, box)} />
    </svg>
  );
}
