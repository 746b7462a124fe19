// SPDX-License-Identifier: Apache-2.0
// Part of report.html's script, which has the helpers used here.

// -- A timeline: lanes of clients or nodes, tries as bars; only what is in view is drawn

const fadePixels = 72;  // how far a try without an end is seen

class Timeline {
  /** `tries`: numbers into the history's columns, by their start. `key`: left out of labels. */
  constructor(history, tries, {key = null, even = tries.length <= 40} = {}) {
    Object.assign(this, {history, tries, key, even, lanesBy: 'client', selected: -1, hovered: -1, pinned: false});
    this.canvas = el('canvas', {tabindex: 0, role: 'application', 'aria-label':
      `Timeline of ${counted(tries.length, 'bar')}${key ? ` of ${key}` : ''}. Left and right go from one to the next, ` +
      'up and down between lanes, plus and minus zoom, 0 shows all.'});
    this.tip = el('div', {class: 'tip', role: 'status', hidden: ''});
    this.area = el('div', {class: 'area'}, this.canvas);
    const button = (text, label, act) => el('button', {type: 'button', 'aria-label': label, title: label, onclick: act}, text);
    const choice = (label, options, act) => el('label', {}, `${label} `, el('select', {onchange: event => act(event.target.value)},
      options.map(([value, text, chosen]) => el('option', chosen ? {value, selected: ''} : {value}, text))));
    this.element = el('div', {class: 'timeline'}, el('div', {class: 'tools'},
      choice('Lanes', [['client', 'clients'], ['node', 'nodes']], value => { this.lanesBy = value; this.arrange(); }),
      choice('Spacing', [['even', 'even: a step an event', even], ['time', 'true to time', !even]],
        value => { this.even = value === 'even'; this.arrange(); }),
      el('span', {}, button('+', 'Zoom in', () => this.zoom(.5)), ' ', button('−', 'Zoom out', () => this.zoom(2)), ' ',
        button('All', 'Show all', () => this.fit())),
      el('span', {class: 'dim'}, 'Drag to move, Ctrl and wheel to zoom')), this.area, this.tip);
    this.listen();
    this.arrange();
    new ResizeObserver(() => this.redraw()).observe(this.area);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.redraw());
  }

  /** Places every bar: where on the scale it begins and ends, and in which row. */
  arrange() {
    const {history, tries} = this, size = tries.length;
    const starts = Float64Array.from(tries, one => history.start[one]);
    const ends = Float64Array.from(tries, one => history.start[one] + Math.max(0, history.length[one]));
    this.events = this.even ? Float64Array.from(new Set([...starts, ...ends])).sort() : null;
    this.from = starts.map(time => this.place(time));
    this.to = ends.map(time => this.place(time));
    this.reach = new Float64Array(size);  // the furthest end so far: what may reach into view
    for (let i = 0; i < size; ++i) this.reach[i] = Math.max(this.to[i], i > 0 ? this.reach[i - 1] : -Infinity);

    const column = history[this.lanesBy], names = history[`${this.lanesBy}s`];
    const numbers = [...new Set(tries.map(one => column[one]))].sort((a, b) => byName(names[a], names[b]));
    const lanes = new Map(numbers.map(number => [number, {name: names[number] || '(no name)', free: [], rows: []}]));
    for (let i = 0; i < size; ++i) {
      const lane = lanes.get(column[tries[i]]);
      let row = lane.free.findIndex(free => free <= starts[i]);
      if (row < 0) row = lane.free.length < 12 ? lane.free.length : lane.free.indexOf(Math.min(...lane.free));
      lane.free[row] = Math.max(ends[i], lane.free[row] ?? -Infinity);
      lane.rows.push(row);
    }
    this.lanes = [...lanes.values()];
    this.rows = 0;
    for (const lane of this.lanes) { lane.first = this.rows; lane.next = 0; this.rows += lane.free.length; }
    this.row = new Uint32Array(size);
    this.after = new Float64Array(size).fill(Infinity);  // where the row's next bar begins: room for a label
    const last = new Int32Array(this.rows).fill(-1);
    for (let i = 0; i < size; ++i) {
      const lane = lanes.get(column[tries[i]]);
      this.row[i] = lane.first + lane.rows[lane.next++];
      if (last[this.row[i]] >= 0) this.after[last[this.row[i]]] = this.from[i];
      last[this.row[i]] = i;
    }
    this.rowHeight = this.rows <= 8 ? 38 : Math.max(9, Math.min(24, Math.floor(620 / this.rows)));
    this.fit();
  }

  /** A time's place on the scale: itself, or which of the events it is, and between two in proportion. */
  place(time) {
    const events = this.events;
    if (!events) return time;
    const next = firstWhere(events.length, i => events[i] >= time);
    if (next === 0 || next === events.length) return next === 0 ? (time < events[0] ? -.5 : 0) : next - .5;
    return next - 1 + (time - events[next - 1]) / (events[next] - events[next - 1]);
  }

  fit() {
    const size = this.tries.length;
    const begin = size ? this.from[0] : 0, end = size ? this.reach[size - 1] : 1;
    const margin = Math.max((end - begin) * .02, this.even ? .5 : .5);
    this.full = {begin: begin - margin, end: end + margin * 3};
    this.view = {...this.full};
    this.redraw();
  }
  zoom(factor, at = (this.view.begin + this.view.end) / 2) {
    const {begin, end} = this.view, least = this.even ? 1 : 4;
    const wanted = Math.max(least, Math.min((end - begin) * factor, (this.full.end - this.full.begin) * 1.2));
    const real = wanted / (end - begin);
    this.view = {begin: at - (at - begin) * real, end: at + (end - at) * real};
    this.move(0);
  }
  move(pixels) {
    let by = pixels / this.plot * (this.view.end - this.view.begin);
    const middle = (this.view.begin + this.view.end) / 2;
    by = Math.max(this.full.begin - middle, Math.min(this.full.end - middle, by));
    this.view = {begin: this.view.begin + by, end: this.view.end + by};
    this.redraw();
  }
  redraw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this.draw(); });
  }

  x(place) { return this.left + (place - this.view.begin) / (this.view.end - this.view.begin) * this.plot; }
  placeAt(x) { return this.view.begin + (x - this.left) / this.plot * (this.view.end - this.view.begin); }
  /** The bars that may be in view, as a range; unknown ones are seen past their end. */
  inView() {
    const begin = this.placeAt(this.left - fadePixels);
    return [firstWhere(this.tries.length, i => this.reach[i] >= begin), firstWhere(this.tries.length, i => this.from[i] > this.view.end)];
  }
  box(i) {
    const look = this.history.look[this.tries[i]], most = this.rowHeight - 3;
    const share = most > 30 ? [.9, 1, .8, 1][look] : [.76, 1, .6, 1][look], height = Math.max(4, most * share);
    const x = this.x(this.from[i]), end = this.x(this.to[i]) + (look === 3 ? fadePixels : 0);
    const y = this.top + this.row[i] * this.rowHeight + 1.5 + (most - height) / 2;
    return {look, x, y, width: Math.max(look === 0 ? 5 : 3, end - x), height};
  }

  draw() {
    const width = this.area.clientWidth, ratio = devicePixelRatio || 1, canvas = this.canvas;
    if (width === 0) return;
    const style = getComputedStyle(document.documentElement);
    const colour = name => style.getPropertyValue(`--${name}`).trim();
    this.colours = Object.fromEntries(['text', 'dim', 'line', 'zebra', 'card', 'read', 'read-edge', 'write', 'on-write',
      'refused', 'unknown', 'fault', 'bad'].map(name => [name, colour(name)]));
    this.left = width < 560 ? 58 : 96;
    this.plot = width - this.left - 8;
    const bands = this.bands();
    // Never less than it was: the lanes should not move when a fault leaves the view.
    this.bandRows = Math.max(this.bandRows ?? 0, bands.rows);
    this.top = 26 + this.bandRows * 17;
    const height = this.top + this.rows * this.rowHeight + 4;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = this.pen = canvas.getContext('2d');
    pen.scale(ratio, ratio);
    pen.font = '11px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';
    pen.textBaseline = 'middle';
    this.letter = pen.measureText('0').width;
    this.drawLanes(width, height);
    pen.save();
    pen.beginPath();
    pen.rect(this.left, 0, this.plot + 8, height);
    pen.clip();
    this.drawBands(bands, height);
    this.drawAxis(height);
    this.drawBars();
    pen.restore();
    this.showTip();
  }

  /** The faults in view, and in which line the name of each finds room. */
  bands() {
    const ends = [], list = [];
    for (const [what, start, end] of data.faults) {
      const from = Math.max(this.left, this.x(this.place(start)));
      const to = end === null ? this.left + this.plot + 8 : Math.min(this.left + this.plot + 8, this.x(this.place(end)));
      if (to < this.left || from > this.left + this.plot) continue;
      const need = Math.max(to - from, Math.min(what.length * 7 + 8, 170));
      let row = ends.findIndex(taken => taken <= from);
      if (row < 0 && ends.length < 4) row = ends.length;
      if (row >= 0) ends[row] = from + need;
      list.push({what, from, to: Math.max(to, from + 1.5), row, need});
    }
    return {list, rows: ends.length};
  }
  drawBands({list}, height) {
    const {pen, colours} = this;
    for (const {what, from, to, row, need} of list) {
      pen.globalAlpha = .13;
      pen.fillStyle = colours.fault;
      pen.fillRect(from, 0, to - from, height);
      pen.globalAlpha = 1;
      pen.fillRect(from, 0, 1.5, height);
    }
    for (const {what, from, row, need} of list) {
      if (row < 0) continue;
      pen.fillStyle = colours.card;
      pen.fillRect(from + 3, 2 + row * 17, Math.min(what.length * this.letter + 4, need - 6), 14);
      this.text(what, from + 5, 9 + row * 17, need - 8, colours.fault);
    }
  }
  drawLanes(width, height) {
    const {pen, colours} = this;
    this.lanes.forEach((lane, i) => {
      const y = this.top + lane.first * this.rowHeight, tall = lane.free.length * this.rowHeight;
      if (i % 2 === 0) { pen.fillStyle = colours.zebra; pen.fillRect(0, y, width, tall); }
      if (tall >= 10) this.text(lane.name, 6, y + Math.min(tall, this.rowHeight) / 2, this.left - 10, colours.text);
    });
    this.text(this.lanesBy, 6, this.top - 12, this.left - 10, colours.dim);
    pen.fillStyle = colours.line;
    pen.fillRect(this.left - 1, this.top, 1, height - this.top);
  }
  drawAxis(height) {
    const {pen, colours, view} = this;
    const tick = (place, label) => {
      const x = this.x(place);
      pen.fillStyle = colours.line;
      pen.fillRect(x, this.top - 4, 1, height);
      this.text(label, x + 3, this.top - 12, 200, colours.dim);
    };
    if (!this.events) {
      const step = niceStep(view.end - view.begin, Math.max(2, this.plot / 100));
      for (let time = Math.ceil(view.begin / step) * step; time <= view.end; time += step) tick(time, instant(time, step));
      return;
    }
    const every = Math.max(1, Math.ceil((plainNumbers ? 28 : 92) / (this.plot / (view.end - view.begin))));
    for (let i = Math.max(0, Math.ceil(view.begin / every) * every); i <= view.end && i < this.events.length; i += every) {
      tick(i, instant(this.events[i], 1e3));
    }
  }

  drawBars() {
    const {pen, colours} = this, [begin, end] = this.inView();
    const painted = new Int32Array(this.rows).fill(-1), paintedLook = new Uint8Array(this.rows);
    const labels = end - begin < 3000;
    let seen = false;
    for (let i = begin; i < end; ++i) {
      const box = this.box(i), row = this.row[i], last = Math.floor(box.x + box.width);
      // Bars in pixels that already look so need no paint: there may be a hundred thousand of them.
      if (!labels && last <= painted[row] && paintedLook[row] === box.look) continue;
      painted[row] = last;
      paintedLook[row] = box.look;
      seen ||= box.x + box.width > this.left;
      this.paint(box);
      if (labels && this.rowHeight >= 14) this.label(i, box);
    }
    if (!seen) this.text('nothing was tried here', this.left + 8, this.top + this.rowHeight / 2, this.plot, colours.dim);
    for (const [i, lineWidth] of [[this.hovered, 1.5], [this.selected, 2.5]]) {
      if (i < 0) continue;
      const box = this.box(i);
      pen.strokeStyle = colours.text;
      pen.lineWidth = lineWidth;
      pen.strokeRect(box.x - 1.5, box.y - 1, box.width + 3, box.height + 2);
    }
  }
  paint({look, x, width, y, height}) {
    const {pen, colours} = this;
    const left = Math.max(x, this.left - 10), wide = Math.min(x + width, this.left + this.plot + 20) - left;
    if (look === 3) {
      const fade = pen.createLinearGradient(x, 0, x + width, 0);
      fade.addColorStop(Math.max(0, 1 - fadePixels / width), colours.unknown);
      fade.addColorStop(1, `${colours.unknown}00`);
      pen.fillStyle = fade;
      pen.fillRect(left, y, wide, height);
      pen.fillStyle = colours.unknown;
      pen.fillRect(x, y, 2, height);
    } else if (look === 2) {
      pen.strokeStyle = pen.fillStyle = colours.refused;
      if (wide < 5) { pen.fillRect(left, y, wide, height); return; }
      pen.save();
      pen.beginPath();
      pen.rect(left, y, wide, height);
      pen.lineWidth = 1;
      pen.stroke();
      pen.clip();
      pen.beginPath();
      for (let at = left - height - (left % 5); at < left + wide; at += 5) { pen.moveTo(at, y + height); pen.lineTo(at + height, y); }
      pen.stroke();
      pen.restore();
    } else if (look === 0 && wide >= 5) {
      pen.fillStyle = colours.read;
      pen.fillRect(left, y, wide, height);
      pen.strokeStyle = colours['read-edge'];
      pen.lineWidth = 1.5;
      pen.strokeRect(left + .75, y + .75, wide - 1.5, height - 1.5);
    } else {
      pen.fillStyle = look === 0 ? colours['read-edge'] : colours.write;
      pen.fillRect(left, y, Math.max(2, wide - .75), height);
    }
  }
  /** What was asked and answered, within the bar or in the room behind it. */
  label(i, {look, x, width, y, height}) {
    const [asked, answered] = this.words(this.tries[i]);
    const from = Math.max(x, this.left), room = Math.min(this.x(this.after[i]), this.left + this.plot + 8);
    const solid = look === 3 ? width - fadePixels : width, inside = x + solid - from;
    const twoLines = this.rowHeight >= 30, needed = (twoLines ? Math.max(asked.length, answered.length)
      : asked.length + answered.length + 3) * this.letter + 8;
    const outside = look === 3 || (inside < needed && room - (x + width) > Math.max(inside, 28));
    const at = look === 3 ? from + 5 : outside ? x + width + 4 : from + 4;
    const space = (look === 3 ? Math.max(Math.min(room, x + 400), x + 24) : outside ? room : x + width) - at - 3;
    if (space < 3 * this.letter) return;
    const {colours} = this, tone = look === 1 && !outside ? colours['on-write'] : colours.text;
    if (!outside && look === 2) {  // words on hatching need a ground
      this.pen.fillStyle = colours.card;
      this.pen.fillRect(at - 2, y + 1, Math.min(space, needed) + 2, height - 2);
    }
    if (!twoLines) return this.text(answered ? `${asked} → ${answered}` : asked, at, y + height / 2, space, tone);
    this.text(asked, at, y + height / 2 - 6, space, tone);
    this.text(answered ? `→ ${answered}` : '', at, y + height / 2 + 7, space, tone);
  }
  words(one) {
    const {history, key} = this, command = history.texts[history.command[one]];
    const answer = history.texts[history.answer[one]];
    const sign = ['', '', '✕ ', '? '][history.look[one]];
    return [sign + (key ? command.split(` ${key}`).join('') : command), answer];
  }
  text(text, x, y, space, colour) {
    const letters = Math.floor(space / this.letter);
    if (!text || letters < 1) return;
    this.pen.fillStyle = colour;
    this.pen.fillText(text.length <= letters ? text : `${text.slice(0, Math.max(0, letters - 1))}…`, x, y);
  }

  // -- Hover, focus, keys, wheel and drag

  find(x, y) {
    const row = Math.floor((y - this.top) / this.rowHeight), [begin, end] = this.inView();
    let found = -1, nearest = 5;
    for (let i = begin; i < end; ++i) {
      if (this.row[i] !== row) continue;
      const box = this.box(i), away = Math.max(box.x - x, x - box.x - box.width, 0);
      if (away <= nearest) { found = i; nearest = away; }
    }
    return found;
  }
  select(i) {
    if (i < 0 || i >= this.tries.length) return;
    this.selected = i;
    const {x, width, y} = this.box(i);
    if (x < this.left || x + Math.min(width, 60) > this.left + this.plot) this.move(x - this.left - this.plot / 2);
    if (y < this.area.scrollTop || y + this.rowHeight > this.area.scrollTop + this.area.clientHeight) this.area.scrollTop = y - 80;
    this.redraw();
  }
  /** The bar of another lane that is nearest in time. */
  selectLane(direction) {
    if (this.selected < 0) return this.select(this.inView()[0]);
    let found = -1, best = Infinity;
    for (let i = 0; i < this.tries.length; ++i) {
      const lanes = (this.row[i] - this.row[this.selected]) * direction;
      const away = lanes * 1e18 + Math.abs(this.from[i] - this.from[this.selected]);
      if (lanes > 0 && away < best) { found = i; best = away; }
    }
    this.select(found);
  }
  listen() {
    const canvas = this.canvas;
    let drag = null;
    canvas.addEventListener('wheel', event => {
      const sideways = event.shiftKey ? event.deltaY : event.deltaX;
      if (event.ctrlKey || event.metaKey) this.zoom(1.0015 ** event.deltaY, this.placeAt(event.offsetX));
      else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) this.move(sideways);
      else return;  // the page scrolls
      event.preventDefault();
    }, {passive: false});
    canvas.addEventListener('pointerdown', event => {
      drag = {x: event.clientX, moved: false};
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', event => {
      if (drag && (drag.moved || Math.abs(event.clientX - drag.x) > 4)) {
        this.move(drag.x - event.clientX);
        drag = {x: event.clientX, moved: true};
        return;
      }
      const found = this.find(event.offsetX, event.offsetY);
      if (found !== this.hovered) { this.hovered = found; this.redraw(); }
    });
    canvas.addEventListener('pointerup', event => {
      if (drag && !drag.moved) { this.selected = this.find(event.offsetX, event.offsetY); this.redraw(); }
      drag = null;
    });
    canvas.addEventListener('pointercancel', () => { drag = null; });
    canvas.addEventListener('pointerleave', () => { this.hovered = -1; this.redraw(); });
    canvas.addEventListener('blur', () => { this.selected = -1; this.redraw(); });
    const acts = {
      ArrowRight: () => this.select(this.selected < 0 ? this.inView()[0] : this.selected + 1),
      ArrowLeft: () => this.select(this.selected - 1),
      ArrowDown: () => this.selectLane(1), ArrowUp: () => this.selectLane(-1), Home: () => this.select(0),
      End: () => this.select(this.tries.length - 1), '+': () => this.zoomKey(.5), '=': () => this.zoomKey(.5),
      '-': () => this.zoomKey(2), 0: () => this.fit(), Escape: () => { this.selected = -1; this.redraw(); },
    };
    canvas.addEventListener('keydown', event => {
      if (event.ctrlKey || event.metaKey || event.altKey || !acts[event.key]) return;
      acts[event.key]();
      event.preventDefault();
    });
  }
  zoomKey(factor) { this.zoom(factor, this.selected < 0 ? undefined : this.from[this.selected]); }

  /** All that is known of the bar under the pointer, or else of the selected one. */
  showTip() {
    const i = this.hovered >= 0 ? this.hovered : this.selected, {history, tip} = this;
    tip.hidden = i < 0;
    if (i < 0) return;
    const one = this.tries[i], length = history.length[one], start = history.start[one];
    const answer = history.texts[history.answer[one]], node = history.nodes[history.node[one]];
    const raw = BigInt(data.base) + BigInt(start);
    tip.replaceChildren(el('b', {}, history.texts[history.command[one]]),
      el('div', {}, answer ? `→ ${answer}` : 'no answer'), el('div', {class: 'dim'}, lookWords[history.look[one]]),
      el('div', {}, `client ${history.clients[history.client[one]]}${node ? ` at ${node}` : ''}`),
      el('div', {}, `from ${instant(start, 1e3)}` + (length < 0 ? ', without an end'
        : ` to ${instant(start + length, 1e3)}, ${duration(length)}`)),
      el('div', {class: 'dim'}, `${history.id[one] < 0 ? '' : `id ${history.texts[history.id[one]]}, `}` +
        `${history.line[one] ? `line ${history.line[one]}, ` : ''}start ${raw}`));
    const box = this.box(i), origin = this.area.offsetTop - this.area.scrollTop;
    const below = origin + box.y + box.height + 8;
    tip.style.left = `${Math.max(0, Math.min(box.x, this.area.clientWidth - tip.offsetWidth - 2))}px`;
    tip.style.top = `${below}px`;
  }
}
