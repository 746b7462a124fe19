// SPDX-License-Identifier: Apache-2.0
// This node, the others that it knows, its links to them and to the engine. The
// table beside it says the same in words, so the picture is for eyes alone.
import { circle_places } from "../cluster_layout";
import { duration, node_name, short } from "../format";
import { presence } from "../trouble";
import type { NodeFacts, State } from "../types";

const [width, height] = [440, 250];
/** More would be a knot; the table is better then. */
export const pictured_max = 9;

export function ClusterPicture({ state, nodes }: { state: State; nodes: NodeFacts[] }) {
  const ordered = [...nodes].sort((a, b) => Number(b.id === state.node.id) - Number(a.id === state.node.id));
  const has_engine = state.engine !== undefined && state.engine.name !== "none";
  const places = circle_places(ordered.length, width, height);
  const self = places[0];
  if (!self) return null;
  const centre = { x: width / 2, y: height / 2 };
  return (
    <svg class="cluster" viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      {ordered.slice(1).map((node, i) => {
        const to = places[i + 1];
        if (!to) return null;
        const is = presence(state, node);
        const ms = (state.links ?? []).find((l) => l.node === node.id)?.["behind-ms"];
        // Beside the engine in the middle, not through it.
        const bend = has_engine ? 0.32 : 0;
        const middle = {
          x: (self.x + to.x) / 2 + (self.y - to.y) * bend,
          y: (self.y + to.y) / 2 + (to.x - self.x) * bend,
        };
        const side =
          ordered.length === 3 && i === 0 && has_engine
            ? { x: self.x + to.x - middle.x, y: self.y + to.y - middle.y }
            : middle;
        return (
          <g key={node.id} class={`wire ${is}`}>
            <path d={`M${self.x},${self.y}Q${side.x},${side.y} ${to.x},${to.y}`} />
            {is !== "away" && ms !== undefined && (
              <text x={(self.x + 2 * side.x + to.x) / 4} y={(self.y + 2 * side.y + to.y) / 4 - 6}>
                {duration(ms)}
              </text>
            )}
          </g>
        );
      })}
      {has_engine && (
        <g class={`wire ${state.engine?.reachable === false ? "away" : "connected"}`}>
          <path d={`M${self.x},${self.y}L${centre.x},${centre.y}`} />
          <rect class="thing" x={centre.x - 46} y={centre.y - 17} width="92" height="34" rx="6" />
          <text class="label" x={centre.x} y={centre.y + 4}>
            {state.engine?.name}
          </text>
        </g>
      )}
      {ordered.map((node, i) => {
        const at = places[i];
        if (!at) return null;
        return (
          <g key={node.id} class={`node ${presence(state, node)}`}>
            <circle class="thing" cx={at.x} cy={at.y} r="27" />
            <text class="label" x={at.x} y={at.y + 4}>
              {short(/^\d+$/.test(node.id) ? node_name(node.id) : node.id, 9)}
            </text>
          </g>
        );
      })}
    </svg>
  );
}
