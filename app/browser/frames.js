// Tokens and latents of a take, which grow frame by frame, as the graphs read them.

export class Frames {
  constructor(tokens, latents, latentDim) {
    this.tokenIds = Array.from(tokens);
    this.values = Array.from(latents);
    this.latentDim = latentDim;
  }

  get length() { return this.tokenIds.length; }

  push(token, latents) {
    this.tokenIds.push(token);
    this.values.push(...latents);
  }

  /** Return frames `start` to `end` as inputs of a graph. */
  slice(start, end) {
    return {
      tokens: [BigInt64Array.from(this.tokenIds.slice(start, end), BigInt), [end - start]],
      latents: [Float32Array.from(this.values.slice(start * this.latentDim, end * this.latentDim)), [end - start, this.latentDim]],
    };
  }
}
