// A waveform on a canvas.

/** Draw samples; those from `start` to `end` in the accent colour, the rest pale. */
export function drawWaveform(canvas, samples, start, end) {
  const scale = window.devicePixelRatio || 1, style = getComputedStyle(canvas);
  const accent = style.getPropertyValue("--accent"), pale = style.getPropertyValue("--edge");
  const width = (canvas.width = Math.round(canvas.clientWidth * scale));
  const height = (canvas.height = Math.round(canvas.clientHeight * scale));
  const context = canvas.getContext("2d"), middle = height / 2;
  let loudest = 1e-3;
  for (const value of samples) loudest = Math.max(loudest, Math.abs(value));
  for (let x = 0; x < width; x++) {
    const from = Math.floor((x * samples.length) / width), to = Math.max(from + 1, Math.floor(((x + 1) * samples.length) / width));
    let peak = 0;
    for (let i = from; i < to; i++) peak = Math.max(peak, Math.abs(samples[i]));
    const half = Math.max(0.5 * scale, (0.46 * height * peak) / loudest);
    context.fillStyle = from >= start && from < end ? accent : pale;
    context.fillRect(x, middle - half, 1, 2 * half);
  }
}
