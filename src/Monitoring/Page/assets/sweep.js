'use strict';
// Trials of a sweep by cost and error on logarithmic axes, with the law of each group and what laws said of trials before they began.
let sweeps = [], sweepPlot = null;

async function loadSweeps() {
  sweeps = await source.sweeps();
  const names = document.getElementById('sweep-name'), picked = names.value;
  document.getElementById('sweep').hidden = sweeps.length === 0;
  if (sweeps.length === 0) return;
  names.replaceChildren(...sweeps.map(sweep => make('option', { value: sweep.name, textContent: sweep.name })));
  names.value = sweeps.some(sweep => sweep.name === picked) ? picked : sweeps.at(-1).name;
  drawSweep();
}

const isIn = (trial, band) => trial.y >= band.low && trial.y <= band.high;

function drawSweep() {
  const sweep = sweeps.find(other => other.name === document.getElementById('sweep-name').value);
  if (!sweep) return;
  const words = sweepWords(sweep);
  document.getElementById('sweep-words').textContent = words;
  drawTrials(sweep);
  drawLaw(sweep, words);
}

const lawWords = law => `${law.name}, from ${format(law.points[0].value)} to ${format(law.points.at(-1).value)}`;

function sweepWords({ trials, laws, note, x, y }) {
  const counts = new Map();
  for (const trial of trials) counts.set(trial.state, (counts.get(trial.state) ?? 0) + 1);
  const told = trials.filter(trial => trial.predicted && trial.y != null), right = told.filter(trial => isIn(trial, trial.predicted));
  return [
    `${trials.length} trials: ${[...counts].map(([state, count]) => `${count} ${state}`).join(', ')}.`,
    laws.length === 0 ? '' : laws.length === 1 && !laws[0].group ? `${y} by ${x}; the line is the law ${lawWords(laws[0])}, with its 95% interval.`
      : `${y} by ${x}; each line is the law of a group, with its 95% interval: ${laws.map(law => `${law.group}: ${lawWords(law)}`).join('; ')}.`,
    told.length > 0 ? `${right.length} of ${told.length} predictions held in their 90% interval.` : '',
    note ?? '',
  ].filter(part => part).join(' ');
}

function drawTrials(sweep) {
  const heads = ['trial', 'state', 'choices', sweep.x, sweep.y, 'predicted', '90% interval', 'held', 'why'];
  const rows = sweep.trials.map(trial => make('tr', { className: /failed|diverged/.test(trial.state) ? 'error' : '' }, ...[
    trial.id, trial.state, trial.choices, trial.x, trial.y, trial.predicted?.value ?? '',
    trial.predicted ? `${format(trial.predicted.low)} to ${format(trial.predicted.high)}` : '',
    trial.predicted && trial.y != null ? (isIn(trial, trial.predicted) ? 'yes' : 'no') : '', trial.reason ?? '',
  ].map(value => make('td', { className: typeof value === 'number' ? 'number' : '', textContent: typeof value === 'number' ? format(value) : value ?? '–' }))));
  document.getElementById('sweep-trials').replaceChildren(
    make('thead', {}, make('tr', {}, ...heads.map(head => make('th', { scope: 'col', textContent: head })))), make('tbody', {}, ...rows));
}

// One series for each kind of mark of each group. Predictions are open circles; a law is a line between its bounds. A group has one colour,
// so that its interval and its predicted trials need no entry of their own in the legend.
function sweepSeries({ trials, laws }) {
  const groups = [...new Set(trials.map(trial => trial.group))];
  const marks = (label, colour, list, y, open) => ({
    label, colour, points: list.map(trial => [trial.x, y(trial)]),
    look: { stroke: colour, paths: () => null, points: { show: true, size: 9, width: 2, stroke: colour, fill: open ? 'transparent' : colour } },
  });
  const line = (law, label, colour, y, look, isUpper) => ({ label, colour, isUpper, points: law.points.map(point => [point.x, y(point)]), look: { stroke: colour, points: { show: false }, spanGaps: true, ...look } });
  return groups.flatMap((group, i) => {
    const own = trials.filter(trial => trial.group === group && trial.x != null), done = own.filter(trial => trial.y != null);
    const law = laws.find(other => other.group === group), named = text => group ? `${text}, ${group}` : text;
    const [ofLaw, ofTrials, ofTold] = group ? Array(3).fill(COLOURS[i % COLOURS.length]) : [COLOURS[0], COLOURS[1], COLOURS[3]];
    return [
      ...(law ? [
        line(law, group ? '' : '95% interval', ofLaw + '88', point => point.high, { width: 1 }, true), line(law, '', ofLaw + '88', point => point.low, { width: 1 }),
        line(law, named(`law ${law.name}`), ofLaw, point => point.value, { width: 2 })] : []),
      marks(named('trials'), ofTrials, done.filter(trial => !trial.predicted), trial => trial.y, false),
      marks(group ? '' : 'predicted trials', ofTold, done.filter(trial => trial.predicted), trial => trial.y, false),
      marks(named('predictions'), ofTold, own.filter(trial => trial.predicted), trial => trial.predicted.value, true),
    ].filter(series => series.points.length > 0);
  });
}

function drawLaw(sweep, words) {
  const target = document.getElementById('sweep-chart'), series = sweepSeries(sweep);
  target.parentElement.hidden = series.length === 0;
  target.setAttribute('aria-label', `Chart of the sweep ${sweep.name}. ${words}`);
  document.getElementById('sweep-legend').replaceChildren(...series.filter(one => one.label).map(one => {
    const swatch = make('span', { className: 'swatch' });
    swatch.style.background = one.look.points.fill === 'transparent' ? 'none' : one.colour;
    swatch.style.border = `2px solid ${one.colour}`;
    return make('span', {}, swatch, one.label);
  }));
  if (typeof uPlot === 'undefined' || series.length === 0) return;
  const style = getComputedStyle(document.documentElement), ink = style.getPropertyValue('--soft'), line = style.getPropertyValue('--line');
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, values: (_, ticks) => ticks.map(tick => tick == null ? '' : short(tick)) };
  // A trial's twin at the same cost must not hide it: every point is a row of its own.
  const rows = series.flatMap((one, i) => one.points.map(([x, y]) => ({ x, y, i }))).sort((a, b) => a.x - b.x);
  const data = [rows.map(row => row.x), ...series.map((_, i) => rows.map(row => row.i === i ? row.y : null))];
  const bounds = (list, room) => [Math.min(...list) / room, Math.max(...list) * room];
  const [ys, xs] = [rows.map(row => row.y), rows.map(row => row.x)];
  sweepPlot?.destroy();
  sweepPlot = new uPlot({
    width: Math.max(200, target.clientWidth), height: 320, cursor: { drag: { x: false, y: false } },
    scales: { x: { time: false, distr: 3, range: () => bounds(xs, 1.3) }, y: { distr: 3, range: () => bounds(ys, 1.05) } },
    axes: [{ ...axis, label: sweep.x, labelSize: 24 }, { ...axis, size: 62, label: sweep.y, labelSize: 24, splits: (_, __, least, largest) => ticksOf(least, largest) }],
    bands: series.flatMap((one, i) => one.isUpper ? [{ series: [i + 1, i + 2], fill: one.colour.slice(0, -2) + '22' }] : []),
    series: [{}, ...series.map(one => ({ label: one.label, ...one.look }))],
  }, data, target);
}

const short = value => value >= 1e5 || value < 1e-3 ? value.toExponential(0).replace('+', '') : format(Number(value.toPrecision(3)));

// Errors often span less than a decade, where a logarithmic axis would have no tick.
function ticksOf(least, largest) {
  const count = 5, ratio = largest / least;
  return Array.from({ length: count + 1 }, (_, i) => Number((least * ratio ** (i / count)).toPrecision(2))).filter((tick, i, all) => tick >= least && tick <= largest && tick !== all[i - 1]);
}
