// What is done with a recording before the model sees it: engine/audio/reading.py, repairs.py and loudness.py.

const OFFSET_RATIO = 0.02; // mean to standard deviation; speech stays below 0.008
const LEAST_MIX_POWER = 0.18; // of the loudest channel's, below which a mean of channels has lost it
const PEAK = 0.99;
const BLOCK_SECONDS = 0.4; // BS.1770 measures in blocks of this length, a quarter of it apart
const SILENT_LUFS = -70;

/** An error whose text is for the person at the page. */
export class PromptError extends Error {}

/** Return the mean of channels, or the loudest where the mean loses it. */
export function mixDown(channels) {
  if (channels.length === 1) return Float32Array.from(channels[0]);
  const mixed = Float32Array.from(channels[0], (_, i) => {
    let sum = 0;
    for (const channel of channels) sum += channel[i];
    return sum / channels.length;
  });
  const powers = channels.map(variance), loudest = powers.indexOf(Math.max(...powers));
  return variance(mixed) < LEAST_MIX_POWER * powers[loudest] ? Float32Array.from(channels[loudest]) : mixed;
}

/**
 * Return a prompt at the loudness that the model was trained at, float samples at its rate.
 * config: sample_rate_hz, limits and prompt_loudness_lufs of voice.json.
 */
export function preparePrompt(samples, config) {
  checkPrompt(samples, config);
  const clean = withoutOffset(samples.map((value) => Math.min(1, Math.max(-1, value))));
  return config.prompt_loudness_lufs === null ? clean : toLoudness(clean, config.sample_rate_hz, config.prompt_loudness_lufs);
}

function checkPrompt(samples, { sample_rate_hz: rate, limits }) {
  const seconds = samples.length / rate;
  if (!samples.every(Number.isFinite)) throw new PromptError("The recording has samples that are not numbers. Export it again.");
  if (seconds < limits.min_seconds) {
    throw new PromptError(`The prompt is ${seconds.toFixed(2)} s long; at least ${limits.min_seconds} s are needed. Record a longer clip.`);
  }
  const clipped = samples.reduce((count, value) => count + (Math.abs(value) >= limits.clip_level), 0) / samples.length;
  if (clipped > limits.max_clipped_share) {
    throw new PromptError(`The recording is clipped: ${(100 * clipped).toFixed(1)} % of its samples are at full scale. Record again at a lower level.`);
  }
  const loudest = loudestDbfs(samples, rate);
  if (loudest < limits.silence_dbfs) {
    throw new PromptError(
      loudest === -Infinity
        ? "The recording is silent: it holds no sound at all. Check that the right microphone is chosen and that it is not muted."
        : `The recording is silent: its loudest part is at ${loudest.toFixed(0)} dB, and speech is at ${limits.silence_dbfs} dB or more. Check the microphone and speak closer to it.`,
    );
  }
}

/** Return the level of the loudest 50 ms in dB below full scale. */
function loudestDbfs(samples, rate) {
  const size = Math.max(1, Math.min(samples.length, Math.floor(rate / 20)));
  let power = 0;
  for (let start = 0; start + size <= samples.length; start += size) {
    power = Math.max(power, variance(samples.subarray(start, start + size)));
  }
  return power > 0 ? 10 * Math.log10(power) : -Infinity;
}

function mean(values) { return values.reduce((sum, value) => sum + value, 0) / values.length; }

function variance(values) {
  const centre = mean(values);
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / values.length;
}

function withoutOffset(samples) {
  const centre = mean(samples);
  if (!(Math.abs(centre) > OFFSET_RATIO * Math.sqrt(variance(samples)))) return samples;
  return samples.map((value) => Math.min(1, Math.max(-1, value - centre)));
}

/** Scale samples to an integrated loudness (ITU-R BS.1770), or less where the peak would pass 0.99. */
export function toLoudness(samples, rate, target) {
  const gain = 10 ** ((target - loudness(samples, rate)) / 20);
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
  const factor = Math.min(gain, PEAK / peak);
  return samples.map((value) => value * factor);
}

/** Return the integrated loudness in LUFS. */
export function loudness(samples, rate) {
  const weighted = highPass(treble(samples, rate), rate);
  const size = Math.round(BLOCK_SECONDS * rate), step = Math.round(size / 4), energies = [];
  for (let start = 0; start + size <= weighted.length; start += step) {
    let sum = 0;
    for (let i = start; i < start + size; i++) sum += weighted[i] ** 2;
    energies.push(sum / size);
  }
  const level = (energy) => -0.691 + 10 * Math.log10(energy);
  const audible = energies.filter((energy) => level(energy) > SILENT_LUFS);
  const gate = level(mean(audible)) - 10;
  const found = level(mean(audible.filter((energy) => level(energy) > gate)));
  if (!Number.isFinite(found)) throw new PromptError("The recording is silent. Check the microphone and speak closer to it.");
  return found;
}

/** The first filter of the K-weighting: 4 dB more above 1.5 kHz. */
function treble(samples, rate) {
  const w = (2 * Math.PI * 1500) / rate, alpha = Math.sin(w) / Math.SQRT2, gain = 10 ** (4 / 40), cos = Math.cos(w);
  const root = 2 * Math.sqrt(gain) * alpha, low = (gain - 1) * cos, high = (gain + 1) * cos;
  const b = [gain * (gain + 1 + low + root), -2 * gain * (gain - 1 + high), gain * (gain + 1 + low - root)];
  return biquad(samples, b, [gain + 1 - low + root, 2 * (gain - 1 - high), gain + 1 - low - root]);
}

/** The second: nothing below 38 Hz. */
function highPass(samples, rate) {
  const w = (2 * Math.PI * 38) / rate, cos = Math.cos(w), alpha = Math.sin(w);
  return biquad(samples, [(1 + cos) / 2, -1 - cos, (1 + cos) / 2], [1 + alpha, -2 * cos, 1 - alpha]);
}

function biquad(samples, b, a) {
  const filtered = new Float64Array(samples.length);
  let x1 = 0, x2 = 0, y1 = 0, y2 = 0;
  for (let i = 0; i < samples.length; i++) {
    const x = samples[i], y = (b[0] * x + b[1] * x1 + b[2] * x2 - a[1] * y1 - a[2] * y2) / a[0];
    x2 = x1; x1 = x; y2 = y1; y1 = y;
    filtered[i] = Math.min(1, Math.max(-1, y)); // as torchaudio clips what a filter returns
  }
  return filtered;
}
