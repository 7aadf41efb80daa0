// Keys and values of the positions seen so far, written in place and read by the step's graph.

const STEP = 64; // positions that are added when there is no room: a graph reads all there are, empty ones too

export class Cache {
  /** layers, heads, headDim: of the transformer. */
  constructor(layers, heads, headDim) {
    Object.assign(this, { heads, headDim, position: 0, capacity: STEP });
    const empty = () => Array.from({ length: layers }, () => new Float32Array(heads * headDim * STEP));
    this.keys = empty(); // of each layer, [heads, headDim, capacity]
    this.values = empty(); // of each layer, [heads, capacity, headDim]
  }

  /** Return the inputs of the step's graph. */
  inputs() {
    const { heads, headDim, capacity } = this, feeds = { position: [BigInt64Array.of(BigInt(this.position)), []] };
    this.keys.forEach((keys, i) => { feeds[`keys_${i}`] = [keys, [heads, headDim, capacity]]; });
    this.values.forEach((values, i) => { feeds[`values_${i}`] = [values, [heads, capacity, headDim]]; });
    return feeds;
  }

  /** Write new keys [layers, heads, headDim, n] and values [layers, heads, n, headDim] behind the last position. */
  write(keys, values) {
    const { heads, headDim, position } = this, size = keys.length / this.keys.length, count = size / (heads * headDim);
    this.#makeRoom(position + count);
    this.keys.forEach((own, i) => place(keys, i * size, count, own, this.capacity, position, heads * headDim));
    this.values.forEach((own, i) => {
      place(values, i * size, count * headDim, own, this.capacity * headDim, position * headDim, heads);
    });
    this.position += count;
  }

  #makeRoom(positions) {
    if (positions <= this.capacity) return;
    const { heads, headDim, capacity } = this, wider = STEP * Math.ceil(positions / STEP);
    const moved = (own, rows, width) => {
      const grown = new Float32Array(rows * wider * width);
      place(own, 0, capacity * width, grown, wider * width, 0, rows);
      return grown;
    };
    this.keys = this.keys.map((own) => moved(own, heads * headDim, 1));
    this.values = this.values.map((own) => moved(own, heads, headDim));
    this.capacity = wider;
  }
}

/** Copy `rows` rows of `count` numbers from place `from` on to place `at` of the rows of another array. */
function place(source, from, count, target, width, at, rows) {
  for (let row = 0; row < rows; row++) {
    const start = from + row * count, end = row * width + at;
    for (let i = 0; i < count; i++) target[end + i] = source[start + i]; // `set` is slower for the one number of a frame
  }
}
