'use strict';
// Where the page's data comes from: a server that is asked and followed, or the report that this file itself holds.
const isReport = typeof REPORT !== 'undefined';

async function ask(path, parameters) {
  const answer = await fetch(path + '?' + new URLSearchParams(parameters));
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

const source = isReport
  ? {
      runs: async () => REPORT.runs,
      sweeps: async () => REPORT.sweeps,
      details: async run => REPORT.details[run],
      probe: async run => REPORT.probes[run],
      series: async (run, names, from, to) => cut(REPORT.series[run], from, to),
      follow() {},
    }
  : {
      runs: () => ask('api/runs', {}),
      sweeps: () => ask('api/sweeps', {}),
      details: run => ask('api/details', { run }),
      probe: run => ask('api/probe', { run }),
      series: (run, names, from, to) => ask('api/series', { run, names: names.join(), from: from ?? 0, to: to ?? Number.MAX_VALUE, points: POINTS }),
      follow(onNews, onState) {
        const events = new EventSource('api/events');
        events.onopen = () => onState(true);
        events.onerror = () => onState(false);
        events.onmessage = message => onNews(JSON.parse(message.data));
      },
    };

// The most points that a curve is asked for; as many more are appended as the run goes on before it is asked for again.
const POINTS = 1000;

function cut(slice, from, to) {
  if (from == null) return slice;
  const kept = slice.step.map((step, i) => [step, i]).filter(([step]) => step >= from && step <= to).map(([, i]) => i);
  const series = {};
  for (const name in slice.series) {
    series[name] = {};
    for (const part in slice.series[name]) series[name][part] = kept.map(i => slice.series[name][part][i]);
  }
  return { ...slice, step: kept.map(i => slice.step[i]), series };
}

// Appends a step that was told live to the series that are there; null where one has no value.
function append(slice, values) {
  slice.step.push(values.step);
  slice.lastStep = values.step;
  for (const name in slice.series) {
    for (const part of ['mean', 'least', 'largest']) slice.series[name][part].push(values[name] ?? null);
  }
}
