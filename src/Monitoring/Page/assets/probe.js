'use strict';
// What the model sees of a fixed batch of pairs: the similarity of every image (row) with every caption (column), by step.
const NEAREST = 3;
const probe = { run: null, time: null, data: null };

// Draws a run's probe batch if it has changed. The step that is shown stays, and the last one moves on with the run.
async function drawProbeOf(run, time) {
  if (run === probe.run && time === probe.time) return;
  const data = time ? await source.probe(run) : null, slider = document.getElementById('probe-step');
  if (run !== document.getElementById('run').value) return;
  const isAtEnd = run !== probe.run || !probe.data || Number(slider.value) === probe.data.steps.length - 1;
  const shown = probe.data?.steps[Number(slider.value)]?.step;
  Object.assign(probe, { run, time, data });
  document.getElementById('probe').hidden = !data || data.steps.length === 0;
  if (!data || data.steps.length === 0) return;
  slider.max = data.steps.length - 1;
  slider.value = isAtEnd ? slider.max : Math.max(0, data.steps.findLastIndex(look => look.step <= shown));
  drawProbe();
}

function drawProbe() {
  const { captions, images, steps } = probe.data, look = steps[Number(document.getElementById('probe-step').value)] ?? steps.at(-1);
  const matrix = look.similarity, n = captions.length, all = matrix.flat();
  const own = matrix.map((row, i) => row[i]), others = (sum(all) - sum(own)) / Math.max(1, n * n - n);
  const nearest = matrix.map(row => row.map((value, j) => ({ value, j })).sort((a, b) => b.value - a.value).slice(0, NEAREST));
  const right = nearest.filter((list, i) => list[0].j === i).length;
  const words = `${right} of ${n} images are nearest to their own caption. Mean cosine with the own caption ${(sum(own) / n).toFixed(3)}, with the others ${others.toFixed(3)}.`;
  document.getElementById('probe-at').textContent = look.step.toLocaleString('en');
  document.getElementById('probe-step').setAttribute('aria-valuetext', `step ${look.step}`);
  document.getElementById('probe-words').textContent = words;
  drawPicture(matrix, Math.min(...all), Math.max(...all), words);
  document.getElementById('probe-images').replaceChildren(...images.map((image, i) => {
    const list = make('ol', {}, ...nearest[i].map(({ value, j }) => {
      const item = make('li', {}, `${value.toFixed(2)} `, make(i === j ? 'b' : 'span', { textContent: captions[j] + (i === j ? ' ✓' : '') }));
      return item;
    }));
    return make('li', {}, make('img', { src: 'data:image/jpeg;base64,' + image, alt: `image of the caption: ${captions[i]}`, width: 64, height: 64 }), list);
  }));
}

const sum = values => values.reduce((a, b) => a + b, 0);

// Rows are images, columns captions; the darkest cell is the largest similarity, and the diagonal is framed.
function drawPicture(matrix, least, largest, words) {
  const canvas = document.getElementById('probe-picture'), style = getComputedStyle(document.documentElement), cell = 20, n = matrix.length;
  canvas.width = canvas.height = n * cell;
  canvas.setAttribute('aria-label', `Similarity of ${n} images with ${n} captions. ${words}`);
  const pen = canvas.getContext('2d');
  matrix.forEach((row, i) => row.forEach((value, j) => {
    pen.globalAlpha = largest > least ? (value - least) / (largest - least) : 0;
    pen.fillStyle = style.getPropertyValue('--accent');
    pen.fillRect(j * cell, i * cell, cell, cell);
  }));
  pen.globalAlpha = 1;
  pen.strokeStyle = style.getPropertyValue('--warn');
  for (let i = 0; i < n; i++) pen.strokeRect(i * cell + 0.5, i * cell + 0.5, cell - 1, cell - 1);
}
