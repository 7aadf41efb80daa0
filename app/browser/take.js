// Decoding of a take's frames to mel and sound, block by block: engine/generation/decode.py.

/** Decoder of one take, whose frames arrive one by one; what it returns does not depend on when they do. */
export class TakeDecoder {
  /** run: runs a graph, see Voice. config: voice.json. utterance: of the prompt. noise: of this take. */
  constructor(run, config, utterance, noise) {
    Object.assign(this, { run, config, utterance, noise });
    this.blocks = 0;
    this.mel = new Float32Array(0); // [frames * mels]
    this.audioFrames = 0;
  }

  get melFrames() { return this.mel.length / this.config.num_mels; }

  /** Decode what is ready of all frames so far; returns the samples that follow those returned before. */
  async feed(frames, complete) {
    const pieces = [];
    for (let end = this.#nextEnd(frames.length, complete); end !== null; end = this.#nextEnd(frames.length, complete)) {
      await this.#decode(frames, end);
      pieces.push(await this.#vocode(complete && end === frames.length));
    }
    return joined(pieces);
  }

  #nextEnd(frames, complete) {
    if (complete && this.melFrames === frames) return null;
    const { block_frames: sizes, context_frames: context } = this.config;
    const end = this.melFrames + sizes[Math.min(this.blocks, sizes.length - 1)];
    if (complete) return Math.min(end, frames);
    return end + context <= frames ? end : null;
  }

  async #decode(frames, end) {
    const { context_frames: context, num_mels: mels } = this.config;
    const start = this.melFrames, left = Math.max(0, start - context), right = Math.min(frames.length, end + context);
    const { mel } = await this.run("decoder", {
      ...frames.slice(left, right), utterance: [this.utterance, [this.utterance.length]],
      start: [this.noise.frames(left, right - left, mels), [right - left, mels]],
    });
    this.mel = joined([this.mel, mel.subarray((start - left) * mels, (end - left) * mels)]);
    this.blocks++;
  }

  async #vocode(complete) {
    const { vocoder_context: context, vocoder_history: history, num_mels: mels, hop_samples: hop } = this.config;
    const start = this.audioFrames, end = complete ? this.melFrames : this.melFrames - context;
    if (end <= start) return new Float32Array(0);
    const first = Math.max(0, start - history), left = Math.max(0, start - context);
    const right = Math.min(this.melFrames, end + context);
    const frames = (from, to) => [this.mel.slice(from * mels, to * mels), [to - from, mels]];
    const { samples } = await this.run("vocoder", {
      history: frames(first, left), mel: frames(left, right), first_frame: [BigInt64Array.of(BigInt(first)), []],
    });
    this.audioFrames = end;
    return samples.slice((start - left) * hop, (end - left) * hop);
  }
}

/** Return arrays one behind another. */
export function joined(arrays) {
  const whole = new Float32Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) { whole.set(array, at); at += array.length; }
  return whole;
}
