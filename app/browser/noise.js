// Random draws of one take, all from its seed. Decoder noise depends on the frame alone, whichever block asks for it.

const NOISE_FRAMES = 64; // drawn from one generator

/** Return a function that gives the numbers of xoshiro128** as integers below 2^32. */
function generator(...seeds) {
  let mixed = 0x9e3779b9;
  const next = (value) => { // splitmix32, so that neighbouring seeds share nothing
    mixed = (mixed + value + 0x9e3779b9) | 0;
    let z = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  for (const seed of seeds) mixed = next(seed | 0) | 0;
  const s = Uint32Array.from([next(0), next(0), next(0), next(0)]);
  const turn = (x, k) => (x << k) | (x >>> (32 - k));
  return () => {
    const result = Math.imul(turn(Math.imul(s[1], 5), 7), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0]; s[3] ^= s[1]; s[1] ^= s[2]; s[0] ^= s[3]; s[2] ^= shifted; s[3] = turn(s[3], 11);
    return result;
  };
}

const unit = (draw) => (draw() >>> 8) / 2 ** 24; // in [0, 1)

/** Return `count` numbers of N(0, 1), by Box and Muller. */
function normals(draw, count) {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - unit(draw))), angle = 2 * Math.PI * unit(draw);
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}

/** Noise of a take. Whatever has its three methods can be given in its place. */
export class SeededNoise {
  constructor(seed) {
    this.seed = seed;
    this.draw = generator(seed);
  }

  /** Return a number of U[0, 1). */
  uniform() { return unit(this.draw); }

  /** Return `count` numbers of N(0, 1). */
  normal(count) { return normals(this.draw, count); }

  /** Return N(0, 1) for `count` frames of `width` values from frame `first` on. */
  frames(first, count, width) {
    const values = new Float32Array(count * width);
    for (let run = Math.floor(first / NOISE_FRAMES); run * NOISE_FRAMES < first + count; run++) {
      const drawn = normals(generator(this.seed, run + 1), NOISE_FRAMES * width);
      const start = run * NOISE_FRAMES, from = Math.max(first, start), to = Math.min(first + count, start + NOISE_FRAMES);
      values.set(drawn.subarray((from - start) * width, (to - start) * width), (from - first) * width);
    }
    return values;
  }
}
