'use strict';
const DEFAULT_CHARTS = ['loss', 'learning_rate', 'gradient_norm', 'logit_scale', 'images_per_second', 'data_wait_share',
  'image_tower.effective_rank', 'text_tower.effective_rank', 'image_tower.gradient_norm', 'text_tower.gradient_norm'];
const X_AXES = ['samples', 'epoch', 'seconds'];
const MOST_CHOSEN = 8;

const view = { x: 'step', logx: false, logy: false, smoothing: 0, from: null, to: null };
const slices = new Map(); // by run, what the server gave and what came since
const charts = new Map(); // by series
let runs = [], chosen = [], sorting = { key: 'name', falls: false }, isConnected = false;

const $ = id => document.getElementById(id);

// Text of corpora and files reaches the page as text alone.
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.map(child => child ?? ''));
  return element;
}

const colourOf = name => COLOURS[Math.max(0, chosen.indexOf(name)) % COLOURS.length];

// Keys in which the runs differ.
function differences() {
  const keys = new Set(runs.flatMap(run => Object.keys(run.configuration)));
  return runs.length < 2 ? [] : [...keys].filter(key => key !== 'name' && new Set(runs.map(run => run.configuration[key])).size > 1).slice(0, 12);
}

// Final figures: the numbers of the summary that are no bounds of intervals.
function figureKeys() {
  const keys = new Set(runs.flatMap(run => run.figures.filter(figure => /^(eval\.|final_loss)/.test(figure.key) && !/interval/.test(figure.key)).map(figure => figure.key)));
  return [...keys].slice(0, 12);
}

function drawRuns() {
  const columns = [
    { key: 'name', text: run => run.name }, { key: 'phase', text: run => run.phase },
    { key: 'lastStep', label: 'step', number: run => run.lastStep, text: run => `${run.lastStep.toLocaleString('en')}${run.totalSteps ? ' / ' + run.totalSteps.toLocaleString('en') : ''}` },
    { key: 'loss', number: run => run.loss, text: run => format(run.loss) },
    { key: 'imagesPerSecond', label: 'images/s', number: run => run.imagesPerSecond, text: run => format(run.imagesPerSecond) },
    ...differences().map(key => ({ key, text: run => run.configuration[key] ?? '' })),
    ...figureKeys().map(key => ({ key: key, label: key.replace(/^eval\./, ''), number: run => run.figures.find(figure => figure.key === key)?.value, text: run => format(run.figures.find(figure => figure.key === key)?.value) })),
  ];
  const column = columns.find(c => c.key === sorting.key) ?? columns[0];
  const value = run => column.number ? column.number(run) ?? -Infinity : column.text(run);
  const sorted = runs.toSorted((a, b) => (value(a) > value(b) ? 1 : value(a) < value(b) ? -1 : 0) * (sorting.falls ? -1 : 1));
  const heads = columns.map(c => {
    const sort = make('button', { type: 'button', textContent: c.label ?? c.key, onclick: () => { sorting = { key: c.key, falls: sorting.key === c.key && !sorting.falls }; drawRuns(); } });
    const head = make('th', { scope: 'col' }, sort);
    if (c.key === sorting.key) head.setAttribute('aria-sort', sorting.falls ? 'descending' : 'ascending');
    return head;
  });
  const rows = sorted.map(run => make('tr', {}, ...columns.map((c, i) => {
    const cell = make('td', { className: c.number ? 'number' : '' });
    if (i > 0) cell.append(c.text(run));
    else {
      const box = make('input', { type: 'checkbox', checked: chosen.includes(run.name), onchange: () => choose(run.name, box.checked) });
      const swatch = make('span', { className: 'swatch' });
      swatch.style.background = chosen.includes(run.name) ? colourOf(run.name) : 'transparent';
      cell.append(make('label', {}, box, ' ', swatch, run.name));
    }
    return cell;
  })));
  $('runs').replaceChildren(make('caption', { className: 'soft', textContent: '' }), make('thead', {}, make('tr', {}, ...heads)), make('tbody', {}, ...rows));
}

async function choose(name, isIn) {
  chosen = isIn ? [...chosen, name].slice(-MOST_CHOSEN) : chosen.filter(other => other !== name);
  drawRuns();
  await load();
}

const wanted = () => [...X_AXES, ...DEFAULT_CHARTS, ...charts.keys()];

async function load() {
  await Promise.all(chosen.map(async name => slices.set(name, await source.series(name, wanted(), view.from, view.to))));
  for (const name of [...slices.keys()]) if (!chosen.includes(name)) slices.delete(name);
  draw();
}

function draw() {
  const shown = chosen.filter(name => slices.has(name)).map(name => ({ name, colour: colourOf(name), slice: slices.get(name) }));
  const names = new Set(shown.flatMap(run => run.slice.names));
  for (const name of DEFAULT_CHARTS) if (shown.some(run => run.slice.series[name]?.mean.some(value => value != null))) open(name);
  const more = [...names].filter(name => !charts.has(name) && !X_AXES.includes(name)).sort();
  $('more').replaceChildren(make('option', { value: '', textContent: 'a curve …' }), ...more.map(name => make('option', { value: name, textContent: title(name) })));
  for (const chart of charts.values()) chart.draw(shown, view);
}

function open(name) {
  if (charts.has(name)) return;
  const chart = new Chart(name, zoom);
  charts.set(name, chart);
  $('charts').append(chart.element);
}

// Zooms to two values of the x axis: the server is asked for the steps between them in more detail.
function zoom(from, to) {
  [view.from, view.to] = from == null ? [null, null] : [stepAt(from, false), stepAt(to, true)];
  load();
}

function stepAt(x, isEnd) {
  if (view.x === 'step') return x;
  const steps = [...slices.values()].map(slice => {
    const values = xOf(slice, view.x), i = isEnd ? values.findIndex(value => value >= x) : values.findLastIndex(value => value <= x);
    return slice.step[i] ?? (isEnd ? slice.step.at(-1) : slice.step[0]);
  });
  return isEnd ? Math.max(...steps) : Math.min(...steps);
}

async function drawDetails() {
  const name = $('run').value;
  if (!name) return;
  const details = await source.details(name), run = runs.find(other => other.name === name);
  const table = (label, heads, rows) => {
    const scroll = make('div', { className: 'scroll', tabIndex: 0 }, make('table', {},
      make('thead', {}, make('tr', {}, ...heads.map(head => make('th', { scope: 'col', textContent: head })))), make('tbody', {}, ...rows)));
    scroll.setAttribute('role', 'region');
    scroll.setAttribute('aria-label', label);
    return make('div', {}, make('h3', { textContent: label }), rows.length > 0 ? scroll : make('p', { className: 'soft', textContent: 'none' }));
  };
  const cells = values => values.map(value => value instanceof Node ? make('td', {}, value) : make('td', { className: typeof value === 'number' ? 'number' : '', textContent: typeof value === 'number' ? format(value) : value ?? '–' }));
  const ranks = details.ranks.map(rank => make('tr', {}, ...cells([rank.rank, rank.worker, busy(rank), rank.busySeconds, rank.waitingSeconds, rank.samples, rank.badSamples])));
  const events = details.events.toReversed().map(event => make('tr', { className: event.kind }, make('td', { textContent: new Date(event.time).toLocaleString() }),
    make('td', { textContent: event.kind }), make('td', { className: 'number', textContent: event.step ?? '' }), make('td', { className: 'wrap', textContent: event.text })));
  const figures = details.figures.map(figure => make('tr', {}, ...cells([figure.key, figure.value])));
  const configuration = Object.entries(run?.configuration ?? {}).map(([key, value]) => make('tr', {}, make('td', { textContent: key }), make('td', { className: 'wrap', textContent: value })));
  const phases = (details.phases?.shares ?? []).map(phase => make('tr', {}, ...cells([phase.name, bar(phase.share, `${Math.round(100 * phase.share)} % of a step`), `${(100 * phase.share).toFixed(1)} %`])));
  const mfu = details.phases?.mfu == null ? [] : [make('p', { className: 'soft', textContent: `The towers reach ${(100 * details.phases.mfu).toFixed(0)} % of this machine's peak in matrix products (MFU).` })];
  const verdict = details.verdict ? [make('p', {}, make('b', { textContent: 'What bounds it: ' }), details.verdict.text)] : [];
  if (details.change) verdict.push(make('p', {}, make('b', { textContent: 'What the change gave: ' }), details.change));
  $('details').replaceChildren(...verdict, ...mfu, make('div', { className: 'columns' },
    table('Time of a step on rank 0', ['phase', 'share', ''], phases),
    table('Ranks over the last 100 steps', ['rank', 'worker', 'busy', 'busy s/step', 'waits s/step', 'samples/step', 'bad'], ranks),
    table('What happened', ['time', 'kind', 'step', 'text'], events),
    table('Figures', ['figure', 'value'], figures),
    table('Configuration', ['key', 'value'], configuration)));
  await drawProbeOf(name, details.probeTime);
}

function busy(rank) {
  const share = rank.busySeconds / (rank.busySeconds + rank.waitingSeconds);
  return isFinite(share) ? bar(share, `${Math.round(100 * share)} % busy`) : bar(0, 'not known');
}

function bar(share, label) {
  const bar = make('div', { className: 'busy' }, make('span', {}));
  bar.firstChild.style.width = `${100 * share}%`;
  bar.setAttribute('role', 'img');
  bar.setAttribute('aria-label', label);
  return bar;
}

async function reload() {
  runs = await source.runs();
  if (chosen.length === 0) chosen = runs.slice(-4).map(run => run.name);
  const picked = $('run').value;
  $('run').replaceChildren(...runs.map(run => make('option', { value: run.name, textContent: run.name })));
  $('run').value = picked || (runs.find(run => run.phase === 'live') ?? runs.at(-1))?.name;
  drawRuns();
  tell();
}

function tell() {
  const live = runs.filter(run => run.phase === 'live').length;
  $('state').textContent = isReport ? 'Report: as the run was when this file was written.'
    : !isConnected ? 'Not connected: what is shown may be old.' : live > 0 ? `${live} of ${runs.length} live` : `${runs.length} on disk, none live`;
}

// What the server tells of new steps and events; drawn at most once a frame.
let isDrawing = false;
function onNews(news) {
  if (news.sweeps) { loadSweeps(); return; }
  let reloads = false;
  for (const { run: name, version, steps, events } of news) {
    const run = runs.find(other => other.name === name), slice = slices.get(name);
    if (!run || run.version !== version) { reloads = true; continue; }
    const last = steps.at(-1);
    if (last) Object.assign(run, { lastStep: last.step, loss: last.loss, imagesPerSecond: last.images_per_second });
    if (events.length > 0 || steps.length > 0) detailsAreOld ||= name === $('run').value;
    if (!slice || view.to != null) continue;
    for (const values of steps) if (values.step > slice.lastStep) append(slice, values);
    if (slice.step.length > 2 * POINTS) source.series(name, wanted()).then(fresh => { slices.set(name, fresh); });
  }
  if (reloads) { reload().then(load); return; }
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => { isDrawing = false; drawRuns(); draw(); });
}

let detailsAreOld = false;
setInterval(() => { if (detailsAreOld) { detailsAreOld = false; drawDetails(); } }, 2000);
setInterval(() => { if (!isReport) reload(); }, 15000);

async function start() {
  for (const id of ['logx', 'logy']) $(id).onchange = () => { view[id] = $(id).checked; draw(); };
  $('x').onchange = () => { view.x = $('x').value; draw(); };
  $('smoothing').oninput = () => { view.smoothing = Number($('smoothing').value); draw(); };
  $('more').onchange = () => { open($('more').value); load(); };
  $('whole').onclick = () => zoom();
  $('run').onchange = drawDetails;
  $('probe-step').oninput = drawProbe;
  $('sweep-name').onchange = drawSweep;
  addEventListener('resize', () => { for (const chart of charts.values()) chart.resize(); drawSweep(); });
  await reload();
  await load();
  await drawDetails();
  await loadSweeps();
  source.follow(onNews, connected => { if (connected && !isConnected) { reload().then(load); loadSweeps(); } isConnected = connected; tell(); });
}

start();
