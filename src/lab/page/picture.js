// SPDX-License-Identifier: Apache-2.0
'use strict';

// -- Elements; text goes in as text only

function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}
function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const bytesText = n => n < 1000 ? `${Math.round(n)} B/s` : n < 1e6 ? `${(n / 1e3).toFixed(1)} kB/s` : `${(n / 1e6).toFixed(1)} MB/s`;

/** What is not as it was made, of a link: short words for the picture and for its panel. */
function linkTrouble(link) {
  const [forth, back] = link.cut, words = [];
  if (forth && back) words.push('cut');
  else if (forth) words.push(`cut from ${link.first}`);
  else if (back) words.push(`cut from ${link.second}`);
  if (link.delay || link.jitter) words.push(`+${link.delay}${link.jitter ? `–${link.delay + link.jitter}` : ''} ms`);
  if (link.loss) words.push(`${Math.round(link.loss * 100)}% lost`);
  if (link.lost_replies) words.push(`${Math.round(link.lost_replies * 100)}% of replies lost`);
  return words;
}

/** The same in the room that the picture has. */
function linkMark(link) {
  const [forth, back] = link.cut, marks = [];
  if (forth && back) marks.push('✕ cut');
  else if (forth || back) marks.push(`✕ from ${forth ? link.first : link.second}`);
  if (link.delay || link.jitter) marks.push(`+${link.delay} ms`);
  if (link.loss) marks.push(`−${Math.round(link.loss * 100)}%`);
  if (link.lost_replies) marks.push(`−${Math.round(link.lost_replies * 100)}% replies`);
  return marks.join(' ');
}

/** Nodes, etcd's members, and the links between them, with what passes on each. */
class Picture {
  constructor(place, onChoose) {
    this.place = place;
    this.onChoose = onChoose;
    this.chosen = '';
    this.before = new Map();  // bytes by link, and when
    new ResizeObserver(() => { if (this.state && Math.abs(place.clientWidth - this.room) > 2) this.draw(); }).observe(place);
  }

  show(state, nodes, etcd) {
    const anew = !this.state || this.nodes.length !== nodes.length;
    Object.assign(this, {state, nodes, etcd});
    if (anew) this.draw();
    this.update();
  }

  // -- What stays: drawn once, and when the room changes

  layout() {
    // Below this the boxes would lie on one another: then it is scrolled.
    const width = this.width = Math.max(96 * Math.max(this.nodes.length, this.etcd.length), this.place.clientWidth), at = new Map();
    const row = (names, y, dip) => names.forEach((name, i) => {
      const t = names.length === 1 ? .5 : i / (names.length - 1), margin = Math.min(90, Math.max(46, width * .1));
      at.set(name, [margin + t * (width - 2 * margin), y + dip * Math.sin(Math.PI * t)]);
    });
    // On arcs, so that no link runs through a third one's box.
    row(this.nodes, 118, 60);
    row(this.etcd, 300, 46);
    for (const node of this.nodes) at.set(`clients-${node}`, [at.get(node)[0], at.get(node)[1] - 92]);
    return at;
  }
  draw() {
    this.room = this.place.clientWidth;
    const at = this.at = this.layout(), height = this.etcd.length ? 385 : 225;
    this.parts = new Map();
    const root = svg('svg', {viewBox: `0 0 ${this.width} ${height}`, height, style: `width:${this.width}px`, role: 'group', 'aria-label': 'Nodes and links'});
    for (const link of this.state.links) root.append(this.drawLink(link, at));
    for (const name of [...this.nodes, ...this.etcd]) root.append(this.drawProcess(name, at.get(name)));
    for (const node of this.nodes) {
      const [x, y] = at.get(`clients-${node}`);
      root.append(svg('text', {x, y: y - 2, 'text-anchor': 'middle', class: 'dim'}, 'clients'));
    }
    const focused = this.place.contains(document.activeElement) ? document.activeElement.dataset.name : '';
    this.place.replaceChildren(root);
    if (focused) this.parts.get(focused)?.thing.focus();
    this.update();
  }
  thing(name) {
    const choose = () => this.choose(name);
    return svg('g', {class: 'thing', tabindex: 0, role: 'button', 'data-name': name, onclick: choose,
      onkeydown: event => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); choose(); } }});
  }
  drawLink(link, at) {
    const a = at.get(link.first === 'clients' ? `clients-${link.second}` : link.first), b = at.get(link.second);
    const length = Math.hypot(b[0] - a[0], b[1] - a[1]), aside = [-(b[1] - a[1]) / length * 3.5, (b[0] - a[0]) / length * 3.5];
    const line = (kind, from, to, side) => svg('line', {class: kind, x1: from[0] + side * aside[0], y1: from[1] + side * aside[1],
      x2: to[0] + side * aside[0], y2: to[1] + side * aside[1]});
    const flows = [line('flow', a, b, 1), line('flow', b, a, 1)];
    flows[1].setAttribute('transform', `translate(${-2 * aside[0]} ${-2 * aside[1]})`);
    // Off the middle: there several links cross, and some run behind a box.
    const share = link.second.startsWith('etcd') && link.first.startsWith('node') ? .26 : .42;
    const label = svg('text', {x: a[0] + (b[0] - a[0]) * share, y: a[1] + (b[1] - a[1]) * share + 4, 'text-anchor': 'middle'});
    const thing = this.thing(link.name);
    thing.append(line('hit', a, b, 0), line('wire', a, b, 0), ...flows, label);
    this.parts.set(link.name, {thing, flows, label});
    return thing;
  }
  drawProcess(name, [x, y]) {
    const thing = this.thing(name), wide = 84, high = 40;
    const state = svg('text', {x, y: y + 13, 'text-anchor': 'middle', class: 'state dim'});
    thing.append(svg('rect', {class: 'box', x: x - wide / 2, y: y - high / 2, width: wide, height: high, rx: name.startsWith('etcd') ? 20 : 6}),
      svg('text', {x, y: y - 2, 'text-anchor': 'middle', 'font-weight': 600}, `${name} `), state);
    this.parts.set(name, {thing, state});
    return thing;
  }

  // -- What changes

  choose(name) {
    this.chosen = name;
    this.update();
    this.onChoose(name);
  }
  update() {
    if (!this.parts) return;
    const now = performance.now();
    for (const link of this.state.links) this.updateLink(link, now);
    for (const [name, is] of Object.entries(this.state.processes)) {
      const {thing, state} = this.parts.get(name);
      thing.setAttribute('class', `thing ${is === 'running' ? '' : is} ${this.chosen === name ? 'chosen' : ''}`);
      thing.setAttribute('aria-label', `${name} ${is}: actions`);  // what is seen, and more
      state.textContent = is;
    }
  }
  /** Bytes a second, each way, since the last look. */
  rates(link, now) {
    const last = this.before.get(link.name);
    if (last && now - last.now < 150) return last.rates;
    const rates = last ? link.bytes.map((bytes, i) => Math.max(0, bytes - last.bytes[i]) / ((now - last.now) / 1000)) : [0, 0];
    this.before.set(link.name, {bytes: link.bytes, now, rates});
    return rates;
  }
  updateLink(link, now) {
    const {thing, flows, label} = this.parts.get(link.name), rates = this.rates(link, now), mark = linkMark(link);
    const cut = link.cut[0] || link.cut[1], kind = cut ? 'cut' : mark ? 'slow' : '';
    thing.setAttribute('class', `thing ${kind} ${this.chosen === link.name ? 'chosen' : ''}`);
    thing.setAttribute('aria-label', `link ${link.name} ${mark || 'whole'}: actions`);
    flows.forEach((flow, i) => {
      const runs = rates[i] > 1 && !link.cut[i], size = Math.log10(1 + rates[i]);  // 2: 100 B/s, 6: 1 MB/s
      flow.setAttribute('class', runs ? 'flow runs' : 'flow');
      // In steps: a change of pace lets the dots jump.
      flow.style.setProperty('--takes', `${[2.4, 1.6, 1.2, .8, .5, .4][Math.min(5, Math.max(0, Math.round(size) - 1))]}s`);
      flow.style.strokeWidth = Math.max(2, Math.round(size * 1.2));
    });
    label.setAttribute('class', cut ? 'bad' : 'warn');
    label.textContent = mark;
  }
  rateText(link) {
    const rates = this.before.get(link.name)?.rates ?? [0, 0];
    return `${link.first} → ${link.second} ${bytesText(rates[0])}, ${link.second} → ${link.first} ${bytesText(rates[1])}`;
  }
}
