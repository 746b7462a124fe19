// SPDX-License-Identifier: Apache-2.0
// Points to paths. Pure; a gap in the data is a gap in the line.

export interface Point {
  x: number;
  y: number | null;
}

export interface Box {
  width: number;
  height: number;
  from_ms: number;
  to_ms: number;
  top: number;
}

/** The end of an axis: 1, 2 or 5 times a power of ten, not below `n`, and never 0. */
export function nice_top(n: number): number {
  if (!(n > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(n));
  for (const step of [1, 2, 5, 10]) if (n <= step * power * (1 + 1e-9)) return step * power;
  return 10 * power;
}

const x_of = (x: number, box: Box) => ((x - box.from_ms) / Math.max(1, box.to_ms - box.from_ms)) * box.width;
const y_of = (y: number, box: Box) => box.height * (1 - Math.min(1, y / box.top));
const place = (p: { x: number; y: number }, box: Box) => `${x_of(p.x, box).toFixed(1)},${y_of(p.y, box).toFixed(1)}`;

/** The points in runs without a gap; those before the box are left out. */
function runs(points: Point[], box: Box): { x: number; y: number }[][] {
  const found: { x: number; y: number }[][] = [[]];
  for (const { x, y } of points) {
    if (x < box.from_ms) continue;
    if (y === null) found.push([]);
    else found[found.length - 1]!.push({ x, y });
  }
  return found.filter((run) => run.length > 0);
}

export function line_of(points: Point[], box: Box): string {
  return runs(points, box)
    .map((run) => (run.length === 1 ? [run[0]!, { ...run[0]!, x: run[0]!.x + 1 }] : run)) // a dot
    .map((run) => `M${run.map((p) => place(p, box)).join("L")}`)
    .join("");
}

export function area_of(points: Point[], box: Box): string {
  return runs(points, box)
    .filter((run) => run.length > 1)
    .map((run) => {
      const from = x_of(run[0]!.x, box).toFixed(1);
      const to = x_of(run[run.length - 1]!.x, box).toFixed(1);
      return `M${from},${box.height}L${run.map((p) => place(p, box)).join("L")}L${to},${box.height}Z`;
    })
    .join("");
}
