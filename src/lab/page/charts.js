// SPDX-License-Identifier: Apache-2.0

const dashes = ['', '7 4', '2 4', '10 3 2 3', '4 2', '1 3', '12 5'];
const nodeColour = i => `var(--node${i % 7 + 1})`;
const count = n => Math.round(n).toLocaleString('en');
const milliseconds = n => !n ? '0 ms' : n < 10 ? `${n.toFixed(1)} ms` : n < 2000 ? `${Math.round(n)} ms` : `${(n / 1000).toFixed(1)} s`;

/** Of one number: a line for each node, over the time of the run. */
class Chart {
  /** `of`: of what a slot says of a node; null where there is nothing. `plain`: a second, thin line. */
  constructor({title, says, of, plain, text}) {
    Object.assign(this, {of, plain, text});
    this.now = el('span');
    this.picture = svg('svg', {height: 110, role: 'img', 'aria-label': `${title}: ${says}`});
    this.element = el('div', {class: 'chart'}, el('h3', {title: says}, title, this.now), this.picture);
  }

  draw(slots, load, nodes) {
    const width = Math.max(240, this.picture.clientWidth || 400), height = 110, left = 2, bottom = height - 16, top = 14;
    const end = slots.length ? Math.max(10_000, slots[slots.length - 1].at_ms) : 10_000;
    const x = ms => left + ms / end * (width - left - 4);
    const series = nodes.map((_, node) => slots.map(slot => [slot.at_ms, this.of(slot.loads[load][node])]));
    const plain = this.plain ? nodes.map((_, node) => slots.map(slot => [slot.at_ms, this.plain(slot.loads[load][node])])) : [];
    const most = Math.max(1, ...[...series, ...plain].flat().map(([, value]) => value ?? 0));
    const y = value => bottom - value / most * (bottom - top);
    this.picture.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.picture.replaceChildren(...this.brokenTimes(slots, x, top, bottom),
      svg('line', {class: 'axis', x1: left, x2: width, y1: bottom, y2: bottom}),
      svg('text', {class: 'dim', x: left, y: 10}, this.text(most)),
      svg('text', {class: 'dim', x: left, y: height - 3}, '0 s'),
      svg('text', {class: 'dim', x: width - 4, y: height - 3, 'text-anchor': 'end'}, `${Math.round(end / 1000)} s`),
      ...plain.map((points, i) => this.line(points, x, y, i, 1)),
      ...series.map((points, i) => this.line(points, x, y, i, 2)));
    const last = slots[slots.length - 1];
    this.now.textContent = last ? nodes.map((_, i) => this.of(last.loads[load][i])).map(v => v == null ? '–' : this.text(v)).join(' · ') : '';
  }
  line(points, x, y, node, thick) {
    let path = '', pen = 'M';
    for (const [ms, value] of points) {
      if (value == null) { pen = 'M'; continue; }
      path += `${pen}${x(ms).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = 'L';
    }
    return svg('path', {d: path || 'M0 0', style: `stroke:${nodeColour(node)};stroke-width:${thick}`, 'stroke-dasharray': dashes[node % 7]});
  }
  brokenTimes(slots, x, top, bottom) {
    const boxes = [];
    slots.forEach((slot, i) => {
      if (!slot.broken) return;
      const from = x(i ? slots[i - 1].at_ms : 0);
      boxes.push(svg('rect', {class: 'broken', x: from, y: top, width: x(slot.at_ms) - from + .5, height: bottom - top}));
    });
    return boxes;
  }
}

/** The charts of every scene that is played. */
class Charts {
  constructor(place, legend) {
    Object.assign(this, {place, legend, scenes: []});
  }
  begin(scenes, nodes) {
    this.nodes = nodes;
    this.scenes = scenes.map(scene => ({scene, charts: this.of(scene)}));
    this.place.replaceChildren(...this.scenes.flatMap(({scene, charts}) =>
      [el('h3', {style: 'margin-top:12px'}, `${scene.name}, ${scene.eventual ? 'eventual' : 'strong'}`), ...charts.map(chart => chart.element)]));
    this.legend.replaceChildren(...nodes.map((node, i) => el('span', {},
      svg('svg', {viewBox: '0 0 34 10'}, svg('line', {x1: 0, x2: 34, y1: 5, y2: 5, style: `stroke:${nodeColour(i)};stroke-width:3`, 'stroke-dasharray': dashes[i % 7]})), node)));
  }
  of(scene) {
    const retry = scene.name === 'retry';
    return [
      new Chart({title: retry ? 'counted: thick with ids, thin without' : `${scene.what}s shown`, text: count, of: node => node.value,
        says: retry ? 'what each node shows, of operations with and without request ids' : 'what each node shows; a gap where it does not answer',
        plain: retry ? node => node.plain ?? null : null}),
      new Chart({title: 'staleness', text: milliseconds, of: node => node.behind_ms,
        says: 'how long ago the first write was acknowledged, at any node, that this one does not show'}),
      new Chart({title: 'latency, half of all', text: milliseconds, of: node => node.accepted + node.read ? node.p50_ms : null,
        says: 'what clients of each node waited for an answer'}),
      new Chart({title: 'refused or unanswered a second', text: count, of: node => (node.refused + node.unknown) * 4,
        says: 'answered UNAVAILABLE, UNKNOWN, or not at all'}),
    ];
  }
  draw(slots) {
    this.scenes.forEach(({charts}, load) => charts.forEach(chart => chart.draw(slots, load, this.nodes)));
  }
}
