'use strict';
// Curves of several runs over one x axis. A chart shows one series of every chosen run.
const COLOURS = matchMedia('(prefers-color-scheme: dark)').matches
  ? ['#6aa5e8', '#f0a05a', '#7ccf8a', '#e57fa6', '#b79cf0', '#5fc9c9', '#d8cf5e', '#e58a6f']
  : ['#1f5fa8', '#b85c00', '#2c7d3c', '#a8285f', '#6842ab', '#0b7474', '#7d7000', '#a33b1d'];

const TITLES = {
  loss: 'loss', learning_rate: 'learning rate', gradient_norm: 'gradient norm', logit_scale: 'logit scale', logit_bias: 'logit bias',
  images_per_second: 'images a second', data_wait_share: 'share of a step that waits for data', step_seconds: 'seconds a step',
  samples: 'samples', epoch: 'epochs', seconds: 'training time (s)', step: 'steps', bad_samples: 'bad samples', truncated_captions: 'captions cut',
};

const title = name => TITLES[name] ?? name.replaceAll('_', ' ').replaceAll('.', ' · ');

function format(value) {
  if (value == null || !isFinite(value)) return '–';
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e7)) return value.toExponential(2);
  return value.toLocaleString('en', { maximumSignificantDigits: 5 });
}

// Exponential moving average without the bias of its start.
function smooth(values, weight) {
  if (weight === 0) return values;
  let sum = 0, norm = 0;
  return values.map(value => {
    if (value == null) return null;
    sum = weight * sum + (1 - weight) * value;
    norm = weight * norm + (1 - weight);
    return sum / norm;
  });
}

const xOf = (slice, axis) => axis === 'step' ? slice.step : slice.series[axis]?.mean ?? slice.step;

class Chart {
  // onZoom gets two values of the x axis, or nothing for the whole run.
  constructor(name, onZoom) {
    this.name = name;
    this.onZoom = onZoom;
    this.element = document.createElement('figure');
    const caption = document.createElement('figcaption');
    caption.append(Object.assign(document.createElement('b'), { textContent: title(name) }), this.latest = document.createElement('span'));
    this.latest.className = 'soft';
    this.canvas = document.createElement('div');
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute('role', 'img');
    this.canvas.addEventListener('keydown', event => this.onKey(event));
    this.element.append(caption, this.canvas);
  }

  // runs: [{ name, colour, slice }]
  draw(runs, view) {
    const shown = runs.filter(run => run.slice.series[this.name]?.mean.some(value => value != null));
    this.latest.textContent = shown.map(run => format(run.slice.series[this.name].mean.findLast(value => value != null))).join('  ');
    this.canvas.setAttribute('aria-label', shown.length === 0 ? `${title(this.name)}: no values`
      : `${title(this.name)}. ` + shown.map(run => `${run.name}: ${this.words(run.slice.series[this.name])}`).join('; '));
    if (typeof uPlot === 'undefined') return;
    const smoothing = view.smoothing;
    const tables = [], series = [{}];
    for (const run of shown) {
      const values = run.slice.series[this.name], x = xOf(run.slice, view.x), usable = i => x[i] != null && (!view.logx || x[i] > 0);
      const rows = x.map((_, i) => i).filter(usable);
      const pick = list => rows.map(i => view.logy && list[i] <= 0 ? null : list[i]);
      const columns = [pick(smooth(values.mean, smoothing))];
      series.push({ label: run.name, stroke: run.colour, width: 1.6, spanGaps: true, points: { show: rows.length < 2 } });
      if (shown.length === 1 && run.slice.width > 1 || smoothing > 0) {
        columns.push(pick(smoothing > 0 ? values.mean : values.least), pick(smoothing > 0 ? values.mean : values.largest));
        for (let i = 0; i < 2; i++) series.push({ stroke: run.colour + '55', width: 1, spanGaps: true, points: { show: false } });
      }
      tables.push([rows.map(i => x[i]), ...columns]);
    }
    const data = tables.length === 0 ? [[]] : tables.length === 1 ? tables[0] : uPlot.join(tables);
    const key = JSON.stringify([series.map(s => [s.label, s.stroke]), view.x, view.logx, view.logy]);
    this.range = data[0].length > 0 ? [data[0][0], data[0].at(-1)] : null;
    if (this.plot && key === this.key) {
      this.plot.setData(data);
      return;
    }
    this.plot?.destroy();
    this.key = key;
    this.plot = new uPlot(this.options(series, view), data, this.canvas);
  }

  resize() {
    this.plot?.setSize({ width: this.width(), height: 220 });
  }

  destroy() {
    this.plot?.destroy();
    this.element.remove();
  }

  width() {
    return Math.max(200, this.element.clientWidth - 24);
  }

  words(values) {
    const known = values.mean.filter(value => value != null);
    const least = Math.min(...values.least.filter(value => value != null)), largest = Math.max(...values.largest.filter(value => value != null));
    return `from ${format(known[0])} to ${format(known.at(-1))}, between ${format(least)} and ${format(largest)}`;
  }

  options(series, view) {
    const style = getComputedStyle(document.documentElement), ink = style.getPropertyValue('--soft'), line = style.getPropertyValue('--line');
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    return {
      width: this.width(), height: 220, series,
      cursor: { drag: { x: true, y: false, setScale: false }, sync: { key: 'x' } },
      scales: { x: { time: false, distr: view.logx ? 3 : 1 }, y: { distr: view.logy ? 3 : 1 } },
      axes: [axis, { ...axis, size: 62, values: (_, ticks) => ticks.map(tick => tick == null ? '' : format(tick)) }],
      hooks: {
        setSelect: [plot => {
          if (plot.select.width < 4) return;
          const from = plot.posToVal(plot.select.left, 'x'), to = plot.posToVal(plot.select.left + plot.select.width, 'x');
          plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          this.onZoom(from, to);
        }],
        ready: [plot => plot.over.addEventListener('dblclick', () => this.onZoom())],
      },
    };
  }

  onKey(event) {
    if (!this.range) return;
    const [from, to] = this.range, span = to - from;
    const moves = {
      '+': [from + span / 4, to - span / 4], '=': [from + span / 4, to - span / 4], '-': [from - span / 2, to + span / 2],
      'ArrowLeft': [from - span / 4, to - span / 4], 'ArrowRight': [from + span / 4, to + span / 4],
    };
    if (event.key === '0') this.onZoom();
    else if (moves[event.key]) this.onZoom(...moves[event.key]);
    else return;
    event.preventDefault();
  }
}
