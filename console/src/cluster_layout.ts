// SPDX-License-Identifier: Apache-2.0

export interface Place {
  x: number;
  y: number;
}

const margin = 40;

/** Places round the middle of a box, the first at the left. */
export function circle_places(count: number, width: number, height: number): Place[] {
  const across = width / 2 - margin;
  const down = height / 2 - margin;
  return Array.from({ length: count }, (_, i) => {
    const angle = Math.PI + (2 * Math.PI * i) / Math.max(1, count);
    return { x: Math.round(width / 2 + across * Math.cos(angle)), y: Math.round(height / 2 + down * Math.sin(angle)) };
  });
}
