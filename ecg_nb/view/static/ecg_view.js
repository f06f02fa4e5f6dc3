/* The page's side of `ecg_nb.view.ecg.ECGView`: an ECG on its paper, on one canvas.
 *
 *   Loading   what the page has been sent; pictures are asked for one at a time.
 *   Drawing   paper, map, trace, marks and pulses: functions of the item and the state of the
 *             view, which know nothing of the page.
 *   View      canvas, keys, pointer and buttons around them; all of its state lives in the model,
 *             so that Python and the page agree.
 *
 * Lengths of the paper are in mm, positions on the canvas in CSS pixels, times in s, samples are
 * int16 (GAP: missing). No text from a file is ever set as HTML.
 */


// ---- Loading -----------------------------------------------------------------------------------

const KEPT_ITEMS = 24;
const FETCH_ORDER = [0, 1, -1, 2, -2, 3];     // the picture in view, then its neighbours
const BUFFER_TYPES = {lo: Int16Array, hi: Int16Array, saliency: Int8Array, peaks: Int32Array};

/** A typed array of its own from the bytes that a message brought. */
function copyBuffer(view, ArrayType) {
  return new ArrayType(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

/** What Python packed (`Item.packed`), ready to be drawn. */
function unpack(meta, buffers) {
  const item = {meta, error: meta.error || '', detail: null};
  (meta.buffers || []).forEach((name, i) => {
    item[name] = copyBuffer(buffers[i], BUFFER_TYPES[name]);
  });
  if (item.lo) {
    const n = item.lo.length/meta.leads.length;
    item.whole = {a: 0, step: meta.step || 1, n, lo: item.lo, hi: item.hi || item.lo};
  }
  return item;
}

/** The items that the page holds, and what it is waiting for; one a widget. */
class Loader {
  constructor(model) {
    this.model = model;
    this.items = new Map();
    this.asked = null;          // the item that is on its way: {index, since}
    this.spanAsked = null;      // a stretch of a long recording that is on its way: {since}
    this.spanNext = null;       // the stretch to ask for after it
    this.listeners = new Set(); // functions of what came: 'index', 'item' or 'span'
    model.on('change:rev', () => this.clear());
    model.on('change:index', () => {
      this.tell('index');
      this.ask();
    });
    model.on('msg:custom', (message, buffers) => this.receive(message, buffers));
  }

  tell(event) {
    this.listeners.forEach(listener => listener(event));
  }

  current() {
    return this.items.get(this.model.get('index'));
  }

  clear() {
    this.items.clear();
    this.asked = null;
    this.spanAsked = null;
    setTimeout(() => this.ask(), 80);
  }

  /** Ask for the picture in view, else for a neighbour that is not here yet. */
  ask() {
    if (this.asked) return;
    const n = this.model.get('n');
    const steps = FETCH_ORDER.filter(step => Math.abs(step) <= this.model.get('ahead'));
    const candidates = steps.map(step => this.model.get('index') + step);
    const index = candidates.find(k => k >= 0 && k < n && !this.items.has(k));
    if (index === undefined) return;
    this.asked = {index, since: performance.now()};
    this.model.send({kind: 'want', rev: this.model.get('rev'), index});
  }

  /** Ask for the samples a to b of the long recording in view, as at least `width` values. */
  askSpan(a, b, width) {
    if (this.spanAsked) {
      this.spanNext = [a, b, width];
      return;
    }
    this.spanAsked = {since: performance.now()};
    const rev = this.model.get('rev');
    this.model.send({kind: 'span', rev, index: this.model.get('index'), a, b, width});
  }

  receive(message, buffers) {
    if (message.rev !== this.model.get('rev')) return;
    if (message.kind === 'item') this.receiveItem(message, buffers);
    if (message.kind === 'span') this.receiveSpan(message, buffers);
  }

  receiveItem(message, buffers) {
    this.items.set(message.index, unpack(message.meta, buffers));
    if (this.asked && this.asked.index === message.index) this.asked = null;
    if (this.items.size > KEPT_ITEMS) this.dropFarthest();
    if (message.index === this.model.get('index')) this.tell('item');
    this.ask();
  }

  dropFarthest() {
    const index = this.model.get('index');
    const distance = key => Math.abs(key - index);
    const [farthest] = [...this.items.keys()].sort((p, q) => distance(q) - distance(p));
    this.items.delete(farthest);
  }

  receiveSpan(message, buffers) {
    const item = this.items.get(message.index);
    const next = this.spanNext;
    this.spanAsked = null;
    this.spanNext = null;
    if (item) {
      const lo = copyBuffer(buffers[0], Int16Array);
      const hi = copyBuffer(buffers[1], Int16Array);
      item.detail = {a: message.a, step: message.step, n: message.n, lo, hi};
      this.tell('span');
    }
    if (next) this.askSpan(...next);
  }
}


// ---- Drawing -----------------------------------------------------------------------------------

const GAP = -32768;
const CLOCK_STEPS_S = [.2, 1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600];
const GRID_FROM_MM_S = 10;     // below this speed the millimetres would blur into one colour
const MAP_SHADES = 15;
const MOST_MM = 60;            // of a trace above or below its middle (see ecg_nb.view.ecg)
const MARCH_LEAST_PX = 5;         // of a march-out; closer lines would be a grey field
const READING_PX = 17;            // height of a caliper's reading
const PULSE_MM = [[2, 0], [3.5, 0], [3.5, 1], [8.5, 1], [8.5, 0], [10, 0]];   // mm, mV

function within(value, low, high) {
  return Math.max(low, Math.min(high, value));
}

/** '12.5 s', or '0:03:20' from two minutes on. */
function clock(seconds) {
  if (seconds < 120) return `${+seconds.toFixed(2)} s`;
  const twoDigits = value => String(Math.floor(value%60)).padStart(2, '0');
  return `${Math.floor(seconds/3600)}:${twoDigits(seconds/60)}:${twoDigits(seconds)}`;
}

/** Millimetres that each row needs above and below the middle of its traces: nothing is cut. */
function rowHeights(item, layout, gain) {
  const least = layout.row_mm/2;
  const rows = Array.from({length: layout.rows}, () => [Math.max(least, gain + 2), least]);
  for (const [lead, row] of layout.panels) {
    const needed = side => Math.min(item.meta.extents[lead][side]*gain, MOST_MM) + 2;
    rows[row] = rows[row].map((mm, side) => Math.ceil(Math.max(mm, needed(side))));
  }
  return rows;
}

/** Where the paper lies on a canvas of `width` pixels; middle and ends of each row in mm. */
function geometryOf(item, layoutName, width, paperMm, marginMm, gain) {
  const layouts = item.meta.grids;
  const layout = layouts[layoutName] || Object.values(layouts)[0];
  const mm = width/(paperMm + marginMm);
  let top = 0;
  const rows = rowHeights(item, layout, gain).map(([above, below]) => {
    const row = {top, middle: top + above, height: above + below};
    top += above + below;
    return row;
  });
  return {layout, rows, mm, width, height: Math.round(top*mm), left: marginMm*mm, paperMm};
}

/** Each lead's place and stretch of time; (x, y) is where the middle of its trace begins. */
function panelsOf(geometry, state) {
  const {layout, rows, mm, left, paperMm} = geometry;
  const wholeS = paperMm/state.speed;
  return layout.panels.map(([lead, row, from, to]) => ({
    lead,
    x: left + paperMm*mm*from/layout.cols,
    w: paperMm*mm*(to - from)/layout.cols,
    y: rows[row].middle*mm,
    top: rows[row].top*mm,
    h: rows[row].height*mm,
    t: state.t0 + wholeS*from/layout.cols,
    dur: wholeS*(to - from)/layout.cols,
    first: from === 0,
  }));
}

function drawGrid(c, geometry, step, color) {
  c.strokeStyle = color;
  c.lineWidth = 1;
  c.beginPath();
  for (let x = 0; x <= geometry.width; x += step) {
    c.moveTo(Math.round(x) + .5, 0);
    c.lineTo(Math.round(x) + .5, geometry.height);
  }
  for (let y = 0; y <= geometry.height; y += step) {
    c.moveTo(0, Math.round(y) + .5);
    c.lineTo(geometry.width, Math.round(y) + .5);
  }
  c.stroke();
}

function drawPaper(c, geometry, state, theme) {
  c.fillStyle = theme.paper;
  c.fillRect(0, 0, geometry.width, geometry.height);
  if (state.speed < GRID_FROM_MM_S) return;
  if (geometry.mm >= 2.5) drawGrid(c, geometry, geometry.mm, theme.fine);
  drawGrid(c, geometry, 5*geometry.mm, theme.coarse);
}

/** The clock under the traces; without the millimetres it brings the grid as well. */
function drawClock(c, geometry, state, theme) {
  if (geometry.layout.cols > 1 && state.speed >= GRID_FROM_MM_S) return;
  const pxPerS = state.speed*geometry.mm;
  const stepS = CLOCK_STEPS_S.find(step => step*pxPerS > 70) || 7200;
  c.font = '10px sans-serif';
  c.textAlign = 'center';
  c.textBaseline = 'bottom';
  c.strokeStyle = theme.coarse;
  c.fillStyle = theme.mark;
  const paperPx = geometry.paperMm*geometry.mm;
  for (let k = Math.ceil(state.t0/stepS); (k*stepS - state.t0)*pxPerS < paperPx; k++) {
    const x = geometry.left + (k*stepS - state.t0)*pxPerS;
    if (state.speed < GRID_FROM_MM_S) {
      c.beginPath();
      c.moveTo(x, 0);
      c.lineTo(x, geometry.height);
      c.stroke();
    }
    c.fillText(clock(k*stepS), x, geometry.height - 1);
  }
}

/** The finest that is here of the samples a to b: the stretch asked for last, or the whole. */
function chunkFor(item, a, b) {
  const d = item.detail;
  const fits = d && d.a <= Math.max(0, a) && d.a + d.step*d.n >= Math.min(b, item.meta.n);
  return fits ? d : item.whole;
}

/** The trace sample by sample, from pixel `x` on; a single sample becomes a short line. */
function traceSamples(c, lo, hi, first, end, x, dx, yOf) {
  let penDown = false;
  for (let j = first; j < end; j++, x += dx) {
    const value = lo[j];
    if (value === GAP || value > hi[j]) {
      penDown = false;
      continue;
    }
    const y = yOf(value);
    if (penDown) {
      c.lineTo(x, y);
      continue;
    }
    c.moveTo(x, y);
    penDown = true;
    if (j + 1 >= end || lo[j + 1] === GAP) c.lineTo(x + 1, y);
  }
}

/** The trace where many samples share a pixel: one stroke a pixel, from smallest to largest. */
function traceStretches(c, lo, hi, first, end, x, dx, yOf) {
  let penDown = false;
  for (let j = first; j < end;) {
    const column = Math.floor(x);
    const stop = Math.min(end, j + Math.max(1, Math.ceil((column + 1 - x)/dx)));
    let low = 32767;
    let high = -32768;
    for (let k = j; k < stop; k++) {
      if (lo[k] !== GAP && lo[k] < low) low = lo[k];
      if (hi[k] > high) high = hi[k];
    }
    x += dx*(stop - j);
    j = stop;
    if (low > high) {
      penDown = false;
      continue;
    }
    const top = yOf(high);
    const bottom = Math.max(top + 1, yOf(low));
    if (penDown) c.lineTo(column, top);
    else c.moveTo(column, top);
    penDown = true;
    c.lineTo(column, bottom);
  }
}

function drawTrace(c, item, panel, pxPerS, pxPerUnit) {
  const fs = item.meta.fs;
  const from = panel.t*fs;
  const to = (panel.t + panel.dur)*fs;
  const {a, step, n, lo, hi} = chunkFor(item, Math.floor(from), Math.ceil(to));
  const first = Math.max(0, Math.floor((from - a)/step) - 1);
  const end = Math.min(n, Math.ceil((to - a)/step) + 2);
  const dx = pxPerS*step/fs;
  const x = panel.x + ((a + first*step)/fs - panel.t)*pxPerS;
  const middle = item.meta.middles[panel.lead];
  const yOf = value => panel.y - (value - middle)*pxPerUnit;
  const leadOf = values => values.subarray(panel.lead*n, (panel.lead + 1)*n);
  const trace = dx > .15 && step === 1 ? traceSamples : traceStretches;
  c.beginPath();
  trace(c, leadOf(lo), leadOf(hi), first, end, x, dx, yOf);
  c.stroke();
}

/** Colours of a map, from -MAP_SHADES (against) to MAP_SHADES (for): '#rrggbbaa'. */
function mapShades(theme) {
  const shades = {};
  for (let k = -MAP_SHADES; k <= MAP_SHADES; k++) {
    const alpha = Math.round(255*Math.abs(k)/MAP_SHADES*.85);
    shades[k] = (k > 0 ? theme.plus : theme.minus) + alpha.toString(16).padStart(2, '0');
  }
  return shades;
}

/** The value farthest from 0 among `values[a]` to `values[b - 1]`. */
function strongest(values, a, b) {
  let value = 0;
  for (let k = a; k < b; k++) if (Math.abs(values[k]) > Math.abs(value)) value = values[k];
  return value;
}

/** The map of one lead: `under` as bands behind the trace, `along` as a broad line along it. */
function drawMap(c, item, panel, pxPerS, pxPerUnit, overlay, theme) {
  const {fs, n, middles} = item.meta;
  const offset = panel.lead*n;
  const values = item.saliency.subarray(offset, offset + n);
  const perPx = fs/pxPerS;
  const left = Math.max(panel.x, panel.x - panel.t*pxPerS);
  const right = Math.min(panel.x + panel.w, panel.x + (n/fs - panel.t)*pxPerS);
  const shades = mapShades(theme);
  const yOf = k => {
    const sample = item.lo[offset + Math.min(k, n - 1)];
    return panel.y - (sample - middles[panel.lead])*pxPerUnit;
  };
  let band = {shade: 0, from: left};
  const endBand = x => {
    if (!band.shade || overlay !== 'under') return;
    c.fillStyle = shades[band.shade];
    c.fillRect(band.from, panel.top, x - band.from, panel.h);
  };
  c.lineWidth = 6;
  c.lineCap = 'round';
  for (let x = left; x < right; x++) {
    const a = Math.max(0, Math.floor((panel.t + (x - panel.x)/pxPerS)*fs));
    const b = Math.min(n, Math.max(a + 1, Math.floor(a + perPx)));
    const shade = Math.round(strongest(values, a, b)/127*MAP_SHADES);
    if (overlay === 'under') {
      if (shade === band.shade) continue;
      endBand(x);
      band = {shade, from: x};
    } else if (shade && !item.meta.long) {
      c.strokeStyle = shades[shade];
      c.beginPath();
      c.moveTo(x, yOf(a));
      for (let k = a + 1; k <= b; k++) c.lineTo(x + (k - a)/perPx, yOf(k));
      c.stroke();
    }
  }
  endBand(right);
  c.lineCap = 'butt';
}

/** A small triangle above each R peak. */
function drawPeaks(c, item, panel, pxPerS, theme) {
  if (!item.peaks || pxPerS <= 8) return;
  c.fillStyle = theme.mark;
  const y = panel.top + 3;
  for (const sample of item.peaks) {
    const t = sample/item.meta.fs;
    if (t < panel.t || t >= panel.t + panel.dur) continue;
    const x = panel.x + (t - panel.t)*pxPerS;
    c.beginPath();
    c.moveTo(x - 3, y);
    c.lineTo(x + 3, y);
    c.lineTo(x, y + 5);
    c.fill();
  }
}

/** A bar below each wave, with its name where there is room. */
function drawWaves(c, item, panel, pxPerS, theme) {
  const xOf = t => panel.x + (t - panel.t)*pxPerS;
  const y = panel.top + panel.h - 6;
  for (const [start, end, kind] of item.meta.waves) {
    if (start >= panel.t + panel.dur || end <= panel.t) continue;
    const left = Math.max(xOf(start), panel.x);
    const right = Math.min(xOf(end), panel.x + panel.w);
    c.fillStyle = theme.waves[kind] || theme.mark;
    c.fillRect(left, y, right - left, 3);
    if (right - left <= 14) continue;
    c.font = '9px sans-serif';
    c.textAlign = 'center';
    c.textBaseline = 'bottom';
    c.fillText(kind, (left + right)/2, y);
  }
}

/** Dashed lines where a segment begins and ends, and its name. */
// The first row of names in which nothing stands between `left` and `right`;
// `taken` holds what is written already
function freeRow(taken, left, right) {
  const rows = taken.filter(t => t.left < right && left < t.right).map(t => t.row);
  let row = 0;
  while (rows.includes(row)) row += 1;
  taken.push({left, right, row});
  return row;
}

function drawSegments(c, segments, panel, pxPerS, theme) {
  const taken = [];
  const xOf = t => panel.x + (t - panel.t)*pxPerS;
  const inside = t => t >= panel.t && t < panel.t + panel.dur;
  const {top} = panel;
  c.setLineDash([4, 3]);
  c.strokeStyle = theme.mark;
  c.fillStyle = theme.mark;
  c.lineWidth = 1;
  for (const [start, end, name] of segments) {
    for (const edge of [start, end].filter(inside)) {
      c.beginPath();
      c.moveTo(xOf(edge), top);
      c.lineTo(xOf(edge), top + panel.h);
      c.stroke();
    }
    if (!inside(start)) continue;
    c.font = '10px sans-serif';
    c.textAlign = 'left';
    c.textBaseline = 'top';
    const text = name.slice(0, 24);
    const left = xOf(start) + 3;
    const row = freeRow(taken, left, left + c.measureText(text).width + 2);
    c.fillText(text, left, top + 1 + 11*row);
  }
  c.setLineDash([]);
}

/** The lead's name, with what is the matter with it. */
function drawLeadName(c, item, panel, theme) {
  const lead = item.meta.leads[panel.lead];
  const flag = item.meta.flags[lead];
  const text = flag ? `${lead}  ⚠ ${flag}`.slice(0, 60) : lead;
  const y = panel.top + 3;
  c.font = 'bold 12px sans-serif';
  c.textAlign = 'left';
  c.textBaseline = 'top';
  c.lineWidth = 3;
  c.strokeStyle = theme.paper;
  c.fillStyle = theme.ink;
  c.strokeText(text, panel.x + 4, y);
  c.fillText(text, panel.x + 4, y);
}

/** The calibration pulse of 1 mV in the margin. */
function drawPulse(c, panel, mm, pxPerMv, theme) {
  c.strokeStyle = theme.ink;
  c.lineWidth = 1.1;
  c.beginPath();
  PULSE_MM.forEach(([x, mv], i) => c[i ? 'lineTo' : 'moveTo'](x*mm, panel.y - mv*pxPerMv));
  c.stroke();
}

/** Where a caliper lies in a panel of its lead (pixels); null where the panel does not reach it. */
function caliperBox(caliper, panel, pxPerS, pxPerMv) {
  const xOf = t => panel.x + (t - panel.t)*pxPerS;
  const yOf = mv => panel.y - mv*pxPerMv;
  const [x0, x1] = [caliper.start_s, caliper.stop_s].map(xOf);
  const [y0, y1] = [caliper.from_mv, caliper.to_mv].map(yOf);
  const outside = Math.max(x0, x1) < panel.x || Math.min(x0, x1) > panel.x + panel.w;
  return outside ? null : {x0, y0, x1, y1};
}

/** What a caliper measures: ms, beats a minute, mV. */
function caliperValue(caliper) {
  const ms = Math.round(Math.abs(caliper.stop_s - caliper.start_s)*1000);
  return {
    lead: caliper.lead,
    ms,
    bpm: ms > 0 ? Math.round(60000/ms) : 0,
    mv: +(caliper.to_mv - caliper.from_mv).toFixed(2),
    start_s: +Math.min(caliper.start_s, caliper.stop_s).toFixed(3),
  };
}

function caliperWords(caliper) {
  const {ms, bpm, mv} = caliperValue(caliper);
  return `${ms} ms · ${bpm ? bpm + '/min' : '–'} · ${mv} mV`;
}

function drawCaliper(c, box, panel, theme) {
  const {x0, y0, x1, y1} = box;
  c.strokeStyle = theme.ink;
  c.fillStyle = theme.mark + '26';     // a seventh of it
  c.lineWidth = 1;
  c.fillRect(Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0));
  c.setLineDash([5, 3]);
  c.beginPath();
  for (const x of [x0, x1]) {
    c.moveTo(x, panel.top);
    c.lineTo(x, panel.top + panel.h);
  }
  for (const y of [y0, y1]) {
    c.moveTo(panel.x, y);
    c.lineTo(panel.x + panel.w, y);
  }
  c.stroke();
  c.setLineDash([]);
}

/** The interval of a caliper again and again, to the left and to the right, as far as the panel. */
function drawMarch(c, caliper, panel, pxPerS, theme) {
  const step = Math.abs(caliper.stop_s - caliper.start_s);
  if (step*pxPerS < MARCH_LEAST_PX) return;
  const begin = Math.min(caliper.start_s, caliper.stop_s);
  c.strokeStyle = theme.mark;
  c.lineWidth = 1;
  c.setLineDash([2, 3]);
  c.beginPath();
  for (let k = Math.ceil((panel.t - begin)/step); begin + k*step < panel.t + panel.dur; k++) {
    const x = panel.x + (begin + k*step - panel.t)*pxPerS;
    c.moveTo(x, panel.top);
    c.lineTo(x, panel.top + panel.h);
  }
  c.stroke();
  c.setLineDash([]);
}

/** The reading of caliper `k` beside its box: of the first above it, of the second below. */
function drawReading(c, caliper, box, k, geometry, theme) {
  const text = caliperWords(caliper);
  c.font = 'bold 11px sans-serif';
  c.textAlign = 'left';
  c.textBaseline = 'top';
  const wide = c.measureText(text).width + 8;
  const right = Math.max(box.x0, box.x1);
  const x = within(right + 4, 0, Math.max(0, geometry.width - wide));
  const edge = k ? Math.max(box.y0, box.y1) + 3 : Math.min(box.y0, box.y1) - READING_PX - 3;
  const y = within(edge, 0, geometry.height - READING_PX);
  c.fillStyle = theme.paper;
  c.strokeStyle = theme.mark;
  c.lineWidth = 1;
  c.fillRect(x, y, wide, READING_PX);
  c.strokeRect(x + .5, y + .5, wide - 1, READING_PX - 1);
  c.fillStyle = theme.ink;
  c.fillText(text, x + 4, y + 3);
  return {text, x, y, wide};
}

/** The whole picture; what is read of the calipers, and where.
 * `state`: {t0, speed, gain, overlay, showMarks, calipers, march, spans}. */
function drawAll(c, item, geometry, state, theme) {
  const pxPerS = state.speed*geometry.mm;
  const pxPerMv = state.gain*geometry.mm;
  const pxPerUnit = pxPerMv*item.meta.lsb;
  drawPaper(c, geometry, state, theme);
  drawClock(c, geometry, state, theme);
  const readings = new Map();
  for (const panel of panelsOf(geometry, state)) {
    const lead = item.meta.leads[panel.lead];
    const own = state.calipers.filter(caliper => caliper.lead === lead);
    c.save();
    c.beginPath();
    c.rect(panel.x, panel.top, panel.w, panel.h);
    c.clip();
    if (item.saliency && state.overlay !== 'off') {
      drawMap(c, item, panel, pxPerS, pxPerUnit, state.overlay, theme);
    }
    c.strokeStyle = theme.ink;
    c.lineWidth = 1.1;
    c.lineJoin = 'round';
    drawTrace(c, item, panel, pxPerS, pxPerUnit);
    if (state.showMarks) {
      drawPeaks(c, item, panel, pxPerS, theme);
      drawWaves(c, item, panel, pxPerS, theme);
      const marked = [...item.meta.segments, ...state.spans];
      const here = marked.filter(row => !row[3] || row[3] === lead);
      drawSegments(c, here, panel, pxPerS, theme);
    }
    if (state.march && state.calipers.length) {
      drawMarch(c, state.calipers[state.calipers.length - 1], panel, pxPerS, theme);
    }
    for (const caliper of own) {
      const box = caliperBox(caliper, panel, pxPerS, pxPerMv);
      if (!box) continue;
      drawCaliper(c, box, panel, theme);
      readings.set(caliper, box);
    }
    c.restore();
    drawLeadName(c, item, panel, theme);
    if (panel.first) drawPulse(c, panel, geometry.mm, pxPerMv, theme);
  }
  return state.calipers.flatMap((caliper, k) => {
    const box = readings.get(caliper);
    return box ? [{...box, ...drawReading(c, caliper, box, k, geometry, theme)}] : [];
  });
}


// ---- View --------------------------------------------------------------------------------------

const HELP = [
  'n, p: next, previous', '← →: move', '+ −: zoom', '↑ ↓: gain', 'l: layout', 'm: map',
  'k: marks', 'c: calipers (or Shift and drag; a click: from boundary to boundary)',
  'r: march out', 'f: full screen', '0: as it was', 'wheel with Ctrl: zoom',
].join(' · ');
const GAINS_MM_MV = [2.5, 5, 10, 20, 40];
const OVERLAYS = ['under', 'along', 'off'];
const LATE_MS = 2500;     // without an answer for so long, the view says so
const EDGE_PX = 6;        // so near to the edge of a caliper, a drag moves that edge
const DRAWN_FROM = [
  'change:t0', 'change:speed', 'change:gain', 'change:grid', 'change:overlay', 'change:calipers',
  'change:march', 'change:spans',
];

function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text) e.textContent = text;
  return e;
}

/** Does the page have a dark theme? JupyterLab says so; elsewhere the system is asked. */
function isDark() {
  const light = document.body.dataset.jpThemeLight;
  return light ? light === 'false' : matchMedia('(prefers-color-scheme: dark)').matches;
}

class View {
  constructor(model, root, loader) {
    this.model = model;
    this.loader = loader;
    this.paperMm = model.get('paper_mm');
    this.marginMm = model.get('margin_mm');
    this.showMarks = true;
    this.measuring = false;   // does dragging measure?
    this.calipers = model.get('calipers');
    this.drag = null;
    this.hint = '';           // the help, while it is shown
    this.geometry = null;
    this.painted = 0;         // so many pictures
    this.frame = 0;           // the request for the next one
    this.build(root);
    this.listen();
    this.loader.ask();
    this.paint();
  }

  get(name) {
    return this.model.get(name);
  }

  set(name, value, save = true) {
    this.model.set(name, value);
    if (save) this.model.save_changes();
  }

  /** The colours for the page as it is now (see ecg_nb.view.palette). */
  theme() {
    return this.get('themes')[isDark() ? 'dark' : 'light'];
  }

  // -- the elements

  build(root) {
    this.top = element('div', 'ecgnb');
    this.title = element('div', 'ecgnb-title');
    this.note = element('div', 'ecgnb-note');
    this.bar = element('div', 'ecgnb-bar');
    this.canvas = element('canvas');
    this.slide = element('input', 'ecgnb-time');
    this.legend = element('div', 'ecgnb-legend');
    this.scale = element('span', 'ecgnb-scale');
    this.meaning = element('span');
    this.status = element('div', 'ecgnb-status');
    this.legend.append(this.scale, this.meaning);
    const {title, note, bar, canvas, slide, legend, status} = this;
    this.top.append(title, note, bar, canvas, slide, legend, status);
    root.append(this.top);
    this.top.tabIndex = 0;
    this.top.dataset.lmSuppressShortcuts = 'true';    // keys belong to the view, not to JupyterLab
    slide.dataset.lmSuppressShortcuts = 'true';
    slide.type = 'range';
    slide.step = 'any';
    slide.setAttribute('aria-label', 'time');
    canvas.setAttribute('role', 'img');
    status.setAttribute('role', 'status');
    this.buildBar();
  }

  button(text, hint, act) {
    const b = element('button', '', text);
    b.title = hint;
    b.type = 'button';
    b.onclick = () => {
      act();
      this.top.focus();
    };
    this.bar.append(b);
    return b;
  }

  buildBar() {
    this.layout = element('select');
    this.layout.title = 'layout (l)';
    this.layout.dataset.lmSuppressShortcuts = 'true';
    this.layout.onchange = () => {
      this.set('grid', this.layout.value);
      this.top.focus();
    };
    this.where = element('span', 'ecgnb-where');
    this.read = element('span', 'ecgnb-read');
    this.previous = this.button('◀', 'previous (p)', () => this.move(-1));
    this.bar.append(this.where);
    this.next = this.button('▶', 'next (n)', () => this.move(1));
    this.bar.append(this.layout);
    this.button('speed −', 'fewer mm/s', () => this.zoom(.5));
    this.button('speed +', 'more mm/s', () => this.zoom(2));
    this.button('gain −', 'fewer mm/mV (↓)', () => this.stepGain(-1));
    this.button('gain +', 'more mm/mV (↑)', () => this.stepGain(1));
    const mapHint = 'colours under the trace, along it, off (m)';
    this.mapButton = this.button('map', mapHint, () => this.nextOverlay());
    const marksHint = 'peaks, waves, borders (k)';
    this.marksButton = this.button('marks', marksHint, () => this.toggleMarks());
    const caliperHint = 'measure by dragging (c)';
    this.caliperButton = this.button('calipers', caliperHint, () => this.toggleCalipers());
    const marchHint = 'repeat the interval of the last caliper over the paper (r)';
    this.marchButton = this.button('march out', marchHint, () => this.toggleMarch());
    const wholeHint = 'all of the screen, and back (f)';
    this.wholeButton = this.button('full screen', wholeHint, () => this.fullScreen());
    this.helpButton = this.button('?', HELP, () => this.toggleHelp());
    this.bar.append(this.read);
  }

  // -- what is in view

  /** The item in view; null while it is not here, and if it could not be made. */
  item() {
    const item = this.loader.current();
    return item && !item.error ? item : null;
  }

  /** Seconds on the paper. */
  span() {
    return this.paperMm/this.get('speed');
  }

  /** Seconds of the recording. */
  total() {
    const item = this.item();
    return item ? item.meta.n/item.meta.fs : 0;
  }

  clampTime(t) {
    return within(t, 0, Math.max(0, this.total() - this.span()));
  }

  move(step) {
    const index = within(this.get('index') + step, 0, this.get('n') - 1);
    if (index !== this.get('index')) this.set('index', index);
  }

  pan(t, save = true) {
    this.set('t0', this.clampTime(t), save);
  }

  /** Change the speed by `factor`; what lies at the share `at` of the paper stays there. */
  zoom(factor, at = .5) {
    const was = this.span();
    const slowest = Math.max(this.paperMm/Math.max(this.total(), .1)/4, .002);
    const speed = Math.max(slowest, Math.min(400, this.get('speed')*factor));
    this.model.set('speed', speed);
    this.pan(this.get('t0') + (was - this.paperMm/speed)*at);
  }

  stepGain(step) {
    const distance = GAINS_MM_MV.map(gain => Math.abs(gain - this.get('gain')));
    const nearest = distance.indexOf(Math.min(...distance));
    this.set('gain', GAINS_MM_MV[within(nearest + step, 0, GAINS_MM_MV.length - 1)]);
  }

  nextOverlay() {
    const now = OVERLAYS.indexOf(this.get('overlay'));
    this.set('overlay', OVERLAYS[(now + 1)%OVERLAYS.length]);
  }

  nextLayout() {
    const names = [...this.layout.options].map(option => option.value);
    this.set('grid', names[(names.indexOf(this.layout.value) + 1)%names.length]);
  }

  toggleMarks() {
    this.showMarks = !this.showMarks;
    this.paint();
  }

  toggleCalipers() {
    this.measuring = !this.measuring;
    if (!this.measuring) this.keepCalipers([]);
    this.paint();
  }

  /** These are the calipers now; Python gets to know them with the next `save_changes`. */
  keepCalipers(calipers) {
    this.calipers = calipers;
    this.model.set('calipers', calipers);
    if (!calipers.length) this.model.set('march', false);
    if (!this.drag) this.model.save_changes();
  }

  toggleMarch() {
    this.set('march', !this.get('march') && this.calipers.length > 0);
  }

  /** The browser that the view is part of, else the view. */
  home() {
    let home = this.top;
    const around = (e) => e.parentElement && e.parentElement.closest('.ecgnb-browser');
    for (let e = home; e; e = around(e)) home = e;
    return home;
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.home().requestFullscreen();
  }

  toggleHelp() {
    this.hint = this.hint ? '' : HELP;
    this.say();
  }

  reset() {
    this.keepCalipers([]);
    this.model.set('speed', 25);
    this.model.set('gain', 10);
    this.pan(0);
    this.paint();
  }

  escape() {
    this.keepCalipers([]);
    this.measuring = false;
    this.hint = '';
    this.paint();
  }

  // -- what is written around the canvas

  say() {
    this.status.textContent = this.statusText();
  }

  statusText() {
    const item = this.loader.current();
    if (item && item.error) return item.error;
    const {asked} = this.loader;
    if (asked && !item && performance.now() - asked.since > LATE_MS) return this.lateText();
    if (this.get('n') === 0) return this.get('status') || 'Nothing to show.';
    if (!item) return 'Loading …';
    return [this.caliperText(), this.get('status'), this.hint].filter(Boolean).join(' · ');
  }

  lateText() {
    const loaded = [...this.loader.items.keys()].map(k => k + 1).sort((a, b) => a - b);
    const which = loaded.length ? ` (${loaded.join(', ')}).` : '.';
    const still = 'What is loaded can still be looked at' + which;
    return `No answer from the kernel: it may be busy or gone. ${still}`;
  }

  caliperText() {
    if (!this.calipers.length) return this.measuring ? 'Drag over the ECG to measure.' : '';
    return this.calipers.map(caliper => `${caliperWords(caliper)} (${caliper.lead})`).join(' · ');
  }

  writeHeader(item) {
    const show = (e, yes) => { e.style.display = yes ? '' : 'none'; };
    const none = this.get('n') === 0;     // nothing is left of what was shown before
    [this.bar, this.canvas, this.slide].forEach(e => show(e, !none));
    if (none) show(this.legend, false);
    this.title.textContent = item ? item.meta.title : '';
    this.note.textContent = item ? this.noteText(item) : '';
    show(this.note, this.note.textContent);
    const many = this.get('n') > 1;
    [this.previous, this.next, this.where].forEach(e => show(e, many));
    this.where.textContent = many ? `${this.get('index') + 1} of ${this.get('n')}` : '';
    if (!item) return;
    this.listLayouts(item);
    show(this.legend, item.saliency);
    show(this.mapButton, item.saliency);
    if (item.saliency) this.writeLegend(item);
    this.writeTime(item);
    this.mapButton.classList.toggle('on', this.get('overlay') !== 'off');
    this.marksButton.classList.toggle('on', this.showMarks);
    this.caliperButton.classList.toggle('on', this.measuring);
    show(this.marchButton, this.calipers.length);
    this.marchButton.classList.toggle('on', this.get('march'));
  }

  /** The item's note, before it the leads that not even the highest row holds. */
  noteText(item) {
    const {leads, extents, note} = item.meta;
    const cut = leads.filter((_, k) => Math.max(...extents[k])*this.get('gain') > MOST_MM);
    const words = cut.length ? `${cut.join(', ')}: beyond the paper, cut off` : '';
    return [words, note].filter(Boolean).join('. ');
  }

  listLayouts(item) {
    const names = Object.keys(item.meta.grids);
    const key = names.join();
    if (this.layout.dataset.key !== key) {
      const options = names.map(name => element('option', '', name));
      options.forEach((option, i) => { option.value = names[i]; });
      this.layout.replaceChildren(...options);
      this.layout.dataset.key = key;
    }
    this.layout.value = names.includes(this.get('grid')) ? this.get('grid') : names[0];
  }

  writeLegend(item) {
    const {minus, paper, plus} = this.theme();
    this.scale.style.background = `linear-gradient(90deg, ${minus}, ${paper}, ${plus})`;
    const {top, label} = item.meta;
    const full = top ? top.toPrecision(2) : '';
    this.meaning.textContent = top
      ? `against ≤ −${full} … ≥ +${full} for: ${label}`
      : `this map is 0 everywhere: ${label}`;
  }

  writeTime(item) {
    const t0 = this.clampTime(this.get('t0'));
    const total = this.total();
    const shown = `${clock(t0)} to ${clock(Math.min(t0 + this.span(), total))}`;
    const scale = `${+this.get('speed').toPrecision(3)} mm/s · ${this.get('gain')} mm/mV`;
    this.read.textContent = `${scale} · ${shown} of ${clock(total)}`;
    const room = total - this.span();
    this.slide.style.display = room > .01 ? '' : 'none';
    if (room > .01) {
      this.slide.max = room;
      this.slide.value = t0;
    }
    const {title, leads, label} = item.meta;
    const map = item.saliency ? `, with a map: ${label}` : '';
    this.canvas.setAttribute('aria-label', `ECG ${title}, ${leads.length} leads, ${shown}${map}`);
  }

  // -- the canvas

  paintSoon() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const seen = this.top.clientWidth || (this.geometry && this.geometry.width);
    if (!seen) return;     // 0 for a moment while a theme changes
    const item = this.item();
    this.writeHeader(item);
    this.say();
    this.canvas.style.opacity = item ? 1 : .3;     // not yet what was asked for
    if (item) this.paintItem(item, Math.max(320, seen));
    else if (this.loader.current()) this.paintNothing();
  }

  /** An item that could not be made: its error is on the status line. */
  paintNothing() {
    this.canvas.style.display = 'none';
    this.canvas.dataset.shown = this.get('index');
    this.canvas.dataset.painted = ++this.painted;
  }

  paintItem(item, width) {
    const t0 = this.clampTime(this.get('t0'));
    const [speed, gain, overlay] = ['speed', 'gain', 'overlay'].map(name => this.get(name));
    const {showMarks, calipers} = this;
    const march = this.get('march');
    const marked = this.get('spans');
    const spans = marked.index === this.get('index') ? marked.rows : [];
    this.geometry = geometryOf(item, this.get('grid'), width, this.paperMm, this.marginMm, gain);
    this.canvas.style.display = '';
    const context = this.sizedContext(width, this.geometry.height);
    const state = {t0, speed, gain, overlay, showMarks, calipers, march, spans};
    const readings = drawAll(context, item, this.geometry, state, this.theme());
    this.canvas.dataset.readings = JSON.stringify(readings);
    const a = Math.floor(t0*item.meta.fs);
    const b = Math.ceil((t0 + this.span())*item.meta.fs);
    const {step} = chunkFor(item, a, b);
    if (item.meta.long && step > 1 && (b - a)/step < width*1.5) this.refine(item, a, b, width);
    this.canvas.dataset.shown = this.get('index');
    this.canvas.dataset.record = item.meta.record_id;
    this.canvas.dataset.step = step;
    this.canvas.dataset.painted = ++this.painted;
  }

  /** The canvas at the resolution of the screen. */
  sizedContext(width, height) {
    const ratio = devicePixelRatio || 1;
    const pixels = [Math.round(width*ratio), Math.round(height*ratio)];
    if (this.canvas.width !== pixels[0] || this.canvas.height !== pixels[1]) {
      [this.canvas.width, this.canvas.height] = pixels;
      this.canvas.style.width = width + 'px';
      this.canvas.style.height = height + 'px';
    }
    const context = this.canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return context;
  }

  /** Ask for what is in view of a long recording, and as much on either side of it. */
  refine(item, a, b, width) {
    const margin = b - a;
    this.loader.askSpan(Math.max(0, a - margin), Math.min(item.meta.n, b + margin), 3*width);
  }

  // -- pointer and keys

  pointOf(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  panelAt(x, y) {
    const state = {t0: this.clampTime(this.get('t0')), speed: this.get('speed')};
    const hit = p => x >= p.x && x < p.x + p.w && y >= p.top && y < p.top + p.h;
    return panelsOf(this.geometry, state).find(hit);
  }

  /** Time (s) and height above the middle of the trace (mV) at a point of a panel. */
  valueAt(panel, x, y) {
    const {mm} = this.geometry;
    const along = within(x, panel.x, panel.x + panel.w) - panel.x;
    const t = panel.t + along/(this.get('speed')*mm);
    return [t, (panel.y - y)/(this.get('gain')*mm)];
  }

  /** The caliper of `panel` with an edge at pixel `x`, and which edge; null if there is none. */
  edgeAt(panel, x) {
    const lead = this.item().meta.leads[panel.lead];
    const pxPerS = this.get('speed')*this.geometry.mm;
    for (let k = this.calipers.length - 1; k >= 0; k--) {
      for (const edge of ['start_s', 'stop_s']) {
        const at = panel.x + (this.calipers[k][edge] - panel.t)*pxPerS;
        if (this.calipers[k].lead === lead && Math.abs(at - x) <= EDGE_PX) return {k, edge};
      }
    }
    return null;
  }

  startDrag(event) {
    if (!this.item() || event.button) return;
    this.top.focus({preventScroll: true});
    const [x, y] = this.pointOf(event);
    const panel = this.panelAt(x, y);
    const edge = panel && this.edgeAt(panel, x);
    if (edge) this.drag = {panel, x, ...edge};
    else if ((this.measuring || event.shiftKey) && panel) this.beginCaliper(panel, x, y);
    else this.drag = {x, t0: this.get('t0')};
    this.canvas.setPointerCapture(event.pointerId);
  }

  /** A new caliper from this point on; of two that are there, the older one goes. */
  beginCaliper(panel, x, y) {
    const [t, mv] = this.valueAt(panel, x, y);
    const lead = this.item().meta.leads[panel.lead];
    const caliper = {lead, start_s: t, stop_s: t, from_mv: mv, to_mv: mv};
    this.drag = {panel, x, k: Math.min(this.calipers.length, 1), edge: 'stop_s', fresh: true};
    this.keepCalipers([...this.calipers.slice(-1), caliper]);
  }

  continueDrag(event) {
    if (!this.drag) return;
    const [x, y] = this.pointOf(event);
    const {panel, k, edge, fresh, t0} = this.drag;
    if (panel) {
      const [t, mv] = this.valueAt(panel, x, y);
      const changed = {...this.calipers[k], [edge]: t, ...(fresh ? {to_mv: mv} : {})};
      this.keepCalipers(this.calipers.map((caliper, i) => (i === k ? changed : caliper)));
    } else {
      const seconds = (x - this.drag.x)/(this.get('speed')*this.geometry.mm);
      this.pan(t0 - seconds, false);
    }
  }

  /** A click of the calipers measures from the boundary of a wave before it to the next one. */
  snapped(caliper) {
    const edges = this.item().meta.waves.flatMap(([start, end]) => [start, end]);
    const before = edges.filter(e => e <= caliper.start_s);
    const after = edges.filter(e => e > caliper.start_s);
    if (!before.length || !after.length) return caliper;
    return {...caliper, start_s: Math.max(...before), stop_s: Math.min(...after)};
  }

  endDrag() {
    if (!this.drag) return;
    const {panel, k, fresh} = this.drag;
    if (panel) {
      const clicked = caliperValue(this.calipers[k]).ms*this.get('speed')*this.geometry.mm < 3000;
      const caliper = fresh && clicked ? this.snapped(this.calipers[k]) : this.calipers[k];
      this.keepCalipers(this.calipers.map((other, i) => (i === k ? caliper : other)));
      this.model.set('caliper', caliperValue(caliper));
    }
    this.drag = null;
    this.model.save_changes();
    this.paint();
  }

  wheel(event) {
    if (!event.ctrlKey || !this.item()) return;
    event.preventDefault();
    const [x] = this.pointOf(event);
    const {left, paperMm, mm} = this.geometry;
    this.zoom(event.deltaY < 0 ? 1.25 : .8, within((x - left)/(paperMm*mm), 0, 1));
  }

  keys() {
    const next = () => this.move(1);
    const previous = () => this.move(-1);
    const faster = () => this.zoom(1.25);
    return {
      n: next,
      PageDown: next,
      p: previous,
      PageUp: previous,
      ArrowRight: () => this.pan(this.get('t0') + this.span()/5),
      ArrowLeft: () => this.pan(this.get('t0') - this.span()/5),
      Home: () => this.pan(0),
      End: () => this.pan(1e9),
      '+': faster,
      '=': faster,
      '-': () => this.zoom(.8),
      ArrowUp: () => this.stepGain(1),
      ArrowDown: () => this.stepGain(-1),
      l: () => this.nextLayout(),
      m: () => this.nextOverlay(),
      k: () => this.marksButton.click(),
      c: () => this.caliperButton.click(),
      r: () => this.toggleMarch(),
      f: () => this.fullScreen(),
      0: () => this.reset(),
      Escape: () => this.escape(),
      '?': () => this.helpButton.click(),
    };
  }

  /** Keys on a list, a button, a slider are theirs; those with Ctrl are JupyterLab's. */
  claimKey(event) {
    const {target} = event;
    if (!this.home().contains(target) || target.closest('.ecgnb')) return;
    target.toggleAttribute('data-lm-suppress-shortcuts', !event.ctrlKey && !event.metaKey);
  }

  keydown(event, keys) {
    if (event.target !== this.top || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  // -- what the view listens to

  listen() {
    const {canvas, slide, model, loader} = this;
    const keys = this.keys();
    canvas.onpointerdown = event => this.startDrag(event);
    canvas.onpointermove = event => this.continueDrag(event);
    canvas.onpointerup = () => this.endDrag();
    canvas.onpointercancel = () => this.endDrag();
    canvas.ondblclick = () => this.reset();
    canvas.addEventListener('wheel', event => this.wheel(event), {passive: false});
    slide.oninput = () => this.pan(+slide.value, false);
    slide.onchange = () => model.save_changes();
    this.top.onkeydown = event => this.keydown(event, keys);
    this.onKey = event => this.claimKey(event);
    window.addEventListener('keydown', this.onKey, true);      // before JupyterLab sees it

    this.onLoaded = event => {
      if (event === 'index' && this.calipers.length) this.keepCalipers([]);
      this.paint();
    };
    this.onState = () => {
      this.calipers = model.get('calipers');
      if (this.drag) this.paintSoon();
      else this.paint();
    };
    this.onStatus = () => (this.get('n') ? this.say() : this.paint());
    loader.listeners.add(this.onLoaded);
    DRAWN_FROM.forEach(name => model.on(name, this.onState));
    model.on('change:status change:n', this.onStatus);
    model.on('change:rev', this.onStatus);

    this.sizes = new ResizeObserver(() => this.paintSoon());
    this.sizes.observe(this.top);
    this.themes = new MutationObserver(() => this.paintSoon());
    const themed = {attributes: true, attributeFilter: ['data-jp-theme-light']};
    this.themes.observe(document.body, themed);
    this.beat = setInterval(() => this.askAgain(), 1000);
  }

  askAgain() {
    if (this.loader.current()) return;
    this.say();
    if (!this.loader.asked) this.loader.ask();
  }

  close() {
    const {model, loader} = this;
    loader.listeners.delete(this.onLoaded);
    DRAWN_FROM.forEach(name => model.off(name, this.onState));
    model.off('change:status change:n', this.onStatus);
    model.off('change:rev', this.onStatus);
    this.sizes.disconnect();
    this.themes.disconnect();
    window.removeEventListener('keydown', this.onKey, true);
    clearInterval(this.beat);
    cancelAnimationFrame(this.frame);
  }
}

/** anywidget's entry: one loader a widget, however often it is shown. */
export default () => {
  let loader;
  return {
    initialize({model}) {
      loader = new Loader(model);
    },
    render({model, el}) {
      const view = new View(model, el, loader);
      return () => view.close();
    },
  };
};
