/* The page's side of `ecg_nb.browsing.beats.Chart`: many lines over each other, or many points.
 *
 * The chart is drawn once on a canvas that nobody sees; when another series is looked at, that
 * picture is copied and the one series drawn above it, so that a step does not draw thousands.
 * x and y are float32: for lines m values of x and n*m of y, for points (m = 1) n of each.
 */

const MARGIN = {left: 46, right: 10, top: 24, bottom: 34};     // pixels, for ticks and labels
const BARE_MARGIN = 14;                                       // without axes
const LEGEND_ROW = 15;
const DASHES = [[], [7, 3], [2, 2], [8, 2, 2, 2], [4, 4]];     // of the groups' lines
const FONT = '11px sans-serif';
const NEAR = 20;        // a click so many pixels away from a series still means it
const MOVED = 4;        // a drag of fewer pixels is a click
const STEPS = {ArrowRight: 1, n: 1, ArrowLeft: -1, p: -1};

/** A typed array of its own from the bytes of a trait. */
function copyBuffer(view, ArrayType) {
  return new ArrayType(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

/** Does the page have a dark theme? JupyterLab says so; elsewhere the system is asked. */
function isDark() {
  const light = document.body.dataset.jpThemeLight;
  return light ? light === 'false' : matchMedia('(prefers-color-scheme: dark)').matches;
}

/** The outline of a group's mark: circle, square, triangle, diamond, triangle upside down. */
function markPath(c, kind, x, y, r) {
  const polygons = {
    2: [[0, -1.3], [1.2, 1], [-1.2, 1]],
    3: [[0, -1.4], [1.4, 0], [0, 1.4], [-1.4, 0]],
    4: [[0, 1.3], [1.2, -1], [-1.2, -1]],
  };
  c.beginPath();
  if (kind === 1) {
    c.rect(x - r, y - r, 2*r, 2*r);
  } else if (polygons[kind]) {
    polygons[kind].forEach(([dx, dy], i) => c[i ? 'lineTo' : 'moveTo'](x + dx*r, y + dy*r));
    c.closePath();
  } else {
    c.arc(x, y, r, 0, 7);
  }
}

/** The smallest and the largest of `values`, with some room; never the same. */
function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(high > low)) {
    low = (isFinite(low) ? low : 0) - 1;
    high = low + 2;
  }
  const room = .03*(high - low);
  return [low - room, high + room];
}

/** Some five round numbers between `low` and `high`. */
function ticks(low, high) {
  const raw = (high - low)/5;
  const power = 10**Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(k => k*power).find(size => size >= raw);
  const values = [];
  for (let v = Math.ceil(low/step)*step; v <= high; v += step) values.push(+v.toPrecision(6));
  return values;
}

class Chart {
  constructor(model, root) {
    this.model = model;
    this.top = document.createElement('div');
    this.canvas = document.createElement('canvas');
    this.back = document.createElement('canvas');   // the chart without the one looked at
    this.margin = {...MARGIN};
    this.legend = [];     // where each group's name stands
    this.drag = null;
    this.moved = false;
    this.frame = 0;
    this.top.className = 'ecgnb-chart';
    this.top.tabIndex = 0;
    this.top.dataset.lmSuppressShortcuts = 'true';   // keys belong to the chart, not to JupyterLab
    this.canvas.setAttribute('role', 'img');
    this.top.append(this.canvas);
    root.append(this.top);
    this.listen();
    this.load();
    this.drawAll();
    this.drawPicked();
  }

  get(name) {
    return this.model.get(name);
  }

  /** The colours for the page as it is now (see ecg_nb.view.palette). */
  theme() {
    return this.get('themes')[isDark() ? 'dark' : 'light'];
  }

  /** The colour of group `k`. */
  color(k) {
    const {series} = this.theme();
    return series[k%series.length];
  }

  /** A colour that the page itself uses. */
  css(name, fallback) {
    return getComputedStyle(this.top).getPropertyValue(name).trim() || fallback;
  }

  load() {
    this.x = copyBuffer(this.get('x'), Float32Array);
    this.y = copyBuffer(this.get('y'), Float32Array);
    this.group = copyBuffer(this.get('group'), Uint8Array);
    this.n = this.group.length;
    this.m = this.n ? this.y.length/this.n : 0;
    this.box = [...extent(this.x), ...extent(this.y)];     // what is in view
  }

  // -- from values to pixels and back

  width() {
    return Math.max(160, this.top.clientWidth || 480);
  }

  height() {
    return this.get('height');
  }

  plotWidth() {
    return this.width() - this.margin.left - this.margin.right;
  }

  plotHeight() {
    return this.height() - this.margin.top - this.margin.bottom;
  }

  xPx(value) {
    const [low, high] = this.box;
    return this.margin.left + (value - low)/(high - low)*this.plotWidth();
  }

  yPx(value) {
    const [, , low, high] = this.box;
    return this.margin.top + this.plotHeight() - (value - low)/(high - low)*this.plotHeight();
  }

  xValue(px) {
    const [low, high] = this.box;
    return low + (px - this.margin.left)/this.plotWidth()*(high - low);
  }

  yValue(px) {
    const [, , low, high] = this.box;
    return low + (this.margin.top + this.plotHeight() - px)/this.plotHeight()*(high - low);
  }

  // -- drawing

  /** A canvas at the resolution of the screen, emptied. */
  sizedContext(canvas) {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = this.width()*ratio;
    canvas.height = this.height()*ratio;
    canvas.style.width = this.width() + 'px';
    canvas.style.height = this.height() + 'px';
    const context = canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return context;
  }

  /** Where each name of the legend goes, and what room is left to the chart. */
  placeLegend() {
    const c = this.back.getContext('2d');
    const {margin} = this;
    c.font = FONT;
    if (!this.get('axes')) margin.left = margin.right = margin.bottom = BARE_MARGIN;
    let x = margin.left;
    let row = 0;
    this.legend = this.get('groups').map(group => {
      const width = c.measureText(group.name).width + (this.m === 1 ? 28 : 38);
      if (x > margin.left && x + width > this.width() - margin.right) {
        x = margin.left;
        row++;
      }
      const place = [x, 11 + LEGEND_ROW*row];
      x += width;
      return place;
    });
    margin.top = MARGIN.top + LEGEND_ROW*row;
  }

  drawAll() {
    this.placeLegend();
    const c = this.sizedContext(this.back);
    const theme = this.theme();
    const ink = this.css('--jp-ui-font-color1', theme.ink);
    c.fillStyle = this.css('--jp-layout-color0', theme.paper);
    c.fillRect(0, 0, this.width(), this.height());
    c.font = FONT;
    c.strokeStyle = this.css('--jp-border-color2', theme.rule);
    c.fillStyle = ink;
    c.lineWidth = 1;
    if (this.get('axes')) this.drawTicks(c);
    this.drawLabels(c);
    this.drawGroups(c);
    this.drawLegend(c, ink);
  }

  drawTicks(c) {
    const {left, right, top, bottom} = this.margin;
    const [xLow, xHigh, yLow, yHigh] = this.box;
    const line = (x0, y0, x1, y1) => {
      c.beginPath();
      c.moveTo(x0, y0);
      c.lineTo(x1, y1);
      c.stroke();
    };
    const floor = this.height() - bottom;
    c.textAlign = 'center';
    for (const value of ticks(xLow, xHigh)) {
      line(this.xPx(value), top, this.xPx(value), floor);
      c.fillText(value, this.xPx(value), floor + 13);
    }
    c.textAlign = 'right';
    for (const value of ticks(yLow, yHigh)) {
      line(left, this.yPx(value), this.width() - right, this.yPx(value));
      c.fillText(value, left - 4, this.yPx(value) + 4);
    }
  }

  drawLabels(c) {
    const {left, top} = this.margin;
    c.textAlign = 'center';
    c.fillText(this.get('xlabel'), left + this.plotWidth()/2, this.height() - 5);
    c.save();
    c.translate(11, top + this.plotHeight()/2);
    c.rotate(-Math.PI/2);
    c.fillText(this.get('ylabel'), 0, 0);
    c.restore();
  }

  clip(c, room = 0) {
    const {left, top} = this.margin;
    c.beginPath();
    c.rect(left - room, top - room, this.plotWidth() + 2*room, this.plotHeight() + 2*room);
    c.clip();
  }

  /** Many lines over each other are drawn faintly; the groups after the first one stronger. */
  opacity(k, count) {
    if (this.m === 1) return .7;
    const [least, most, weight] = k ? [.25, .9, 60] : [.15, .6, 12];
    return Math.max(least, Math.min(most, weight/count));
  }

  drawGroups(c) {
    c.save();
    this.clip(c);
    this.get('groups').forEach((_, k) => {
      c.strokeStyle = c.fillStyle = this.color(k);
      const count = this.group.reduce((sum, value) => sum + (value === k), 0);
      c.globalAlpha = this.opacity(k, count);
      for (let i = 0; i < this.n; i++) {
        if (this.group[i] !== k) continue;
        this.drawSeries(c, i, k ? 1.2 : 1, 3.2);
        if (this.m === 1) c.fill();
      }
    });
    c.restore();
  }

  /** Series `i`: a line, or the outline of its point. */
  drawSeries(c, i, lineWidth, radius) {
    const kind = this.group[i]%DASHES.length;
    if (this.m === 1) {
      markPath(c, kind, this.xPx(this.x[i]), this.yPx(this.y[i]), radius);
      return;
    }
    c.beginPath();
    for (let k = 0; k < this.m; k++) {
      c[k ? 'lineTo' : 'moveTo'](this.xPx(this.x[k]), this.yPx(this.y[i*this.m + k]));
    }
    c.lineWidth = lineWidth;
    c.setLineDash(DASHES[kind]);
    c.stroke();
    c.setLineDash([]);
  }

  drawLegend(c, ink) {
    c.textAlign = 'left';
    this.get('groups').forEach((group, k) => {
      const [x, y] = this.legend[k];
      c.strokeStyle = c.fillStyle = this.color(k);
      if (this.m === 1) {
        markPath(c, k%DASHES.length, x + 5, y, 4);
        c.fill();
      } else {
        c.setLineDash(DASHES[k%DASHES.length]);
        c.lineWidth = 2;
        c.beginPath();
        c.moveTo(x, y);
        c.lineTo(x + 18, y);
        c.stroke();
        c.setLineDash([]);
      }
      c.fillStyle = ink;
      c.fillText(group.name, x + (this.m === 1 ? 14 : 24), y + 4);
    });
  }

  /** The chart, and above it the series that is looked at. */
  drawPicked() {
    const c = this.sizedContext(this.canvas);
    const i = this.get('index');
    c.drawImage(this.back, 0, 0, this.width(), this.height());
    if (i >= 0 && i < this.n) {
      const ink = this.css('--jp-ui-font-color1', this.theme().ink);
      c.save();
      this.clip(c, 8);
      c.strokeStyle = ink;
      this.drawSeries(c, i, 2.6, 6);
      if (this.m === 1) {
        c.lineWidth = 2.5;
        c.stroke();
      }
      c.restore();
      this.writeName(c, this.get('names')[i], ink);
    }
    this.canvas.dataset.index = i;
    this.canvas.dataset.n = this.n;
  }

  writeName(c, name, ink) {
    if (!name) return;
    const {right, bottom} = this.margin;
    c.font = FONT;
    c.textAlign = 'right';
    c.fillStyle = ink;
    c.fillText(name, this.width() - right, this.height() - bottom - 6);
  }

  paint() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      this.drawAll();
      this.drawPicked();
    });
  }

  // -- pointer and keys

  /** The series nearest to a point of the canvas; -1 if none is near. */
  nearest(x, y) {
    let best = -1;
    let least = NEAR*NEAR;
    for (let i = 0; i < this.n; i++) {
      for (let k = 0; k < this.m; k++) {
        const dx = this.xPx(this.x[this.m === 1 ? i : k]) - x;
        const dy = this.yPx(this.y[i*this.m + k]) - y;
        const distance = dx*dx + dy*dy;
        if (distance >= least) continue;
        least = distance;
        best = i;
      }
    }
    return best;
  }

  pointOf(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  pick(i) {
    if (i < 0 || i >= this.n) return;
    this.model.set('index', i);
    this.model.save_changes();
  }

  startDrag(event) {
    this.top.focus({preventScroll: true});
    this.drag = {from: this.pointOf(event), box: this.box};
    this.moved = false;
    this.canvas.setPointerCapture(event.pointerId);
  }

  continueDrag(event) {
    if (!this.drag) return;
    const [x, y] = this.pointOf(event);
    const {from, box} = this.drag;
    if (Math.hypot(x - from[0], y - from[1]) > MOVED) this.moved = true;
    if (!this.moved) return;
    const dx = (x - from[0])/this.plotWidth()*(box[1] - box[0]);
    const dy = (y - from[1])/this.plotHeight()*(box[3] - box[2]);
    this.box = [box[0] - dx, box[1] - dx, box[2] + dy, box[3] + dy];
    this.paint();
  }

  endDrag(event) {
    if (this.drag && !this.moved) this.pick(this.nearest(...this.pointOf(event)));
    this.drag = null;
  }

  reload() {
    this.load();
    this.paint();
  }

  /** Zoom around the pointer; without Ctrl or Shift only while the chart has the focus. */
  wheel(event) {
    if (!event.ctrlKey && !event.shiftKey && document.activeElement !== this.top) return;
    event.preventDefault();
    const [px, py] = this.pointOf(event);
    const x = this.xValue(px);
    const y = this.yValue(py);
    const factor = event.deltaY < 0 ? .8 : 1.25;
    const [x0, x1, y0, y1] = this.box;
    const scaled = (edge, center) => center + (edge - center)*factor;
    this.box = [scaled(x0, x), scaled(x1, x), scaled(y0, y), scaled(y1, y)];
    this.paint();
  }

  keydown(event) {
    const step = STEPS[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.pick(this.get('index') + step);
  }

  listen() {
    const {canvas, model} = this;
    canvas.onpointerdown = event => this.startDrag(event);
    canvas.onpointermove = event => this.continueDrag(event);
    canvas.onpointerup = event => this.endDrag(event);
    canvas.ondblclick = () => this.reload();
    canvas.addEventListener('wheel', event => this.wheel(event), {passive: false});
    this.top.onkeydown = event => this.keydown(event);
    this.onData = () => this.reload();
    this.onIndex = () => this.drawPicked();
    model.on('change:rev', this.onData);
    model.on('change:index', this.onIndex);
    this.sizes = new ResizeObserver(() => this.paint());
    this.sizes.observe(this.top);
    this.themes = new MutationObserver(() => this.paint());
    const themed = {attributes: true, attributeFilter: ['data-jp-theme-light']};
    this.themes.observe(document.body, themed);
  }

  close() {
    this.model.off('change:rev', this.onData);
    this.model.off('change:index', this.onIndex);
    this.sizes.disconnect();
    this.themes.disconnect();
    cancelAnimationFrame(this.frame);
  }
}

/** anywidget's entry. */
function render({model, el}) {
  const chart = new Chart(model, el);
  return () => chart.close();
}

export default {render};
