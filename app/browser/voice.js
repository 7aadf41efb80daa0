// A bundle's graphs in a browser: analysis of a prompt, and its continuation frame by frame (engine/generation).

import { Cache } from "./cache.js";
import { Frames } from "./frames.js";
import { SeededNoise } from "./noise.js";
import { preparePrompt } from "./prompt.js";
import { inverseCdf, tokenProbabilities } from "./sampling.js";
import { TakeDecoder } from "./take.js";
import { unitsOf } from "./units.js";

const GRAPHS = ["analysis", "step", "decoder", "vocoder"];
const ON_GPU = new Set(["analysis", "decoder"]); // large enough to gain; a step is smaller than the way to a GPU and back

export class Voice {
  /**
   * Load the graphs.
   * ort: onnxruntime-web. config: voice.json. read: gives the bytes of another file of the folder. gpu: use WebGPU.
   */
  static async load(ort, config, read, gpu = false) {
    const costs = config.has_transition_costs ? new Float32Array((await read("transitions.bin")).slice().buffer) : null;
    const sessions = {};
    for (const name of GRAPHS) {
      const executionProviders = gpu && ON_GPU.has(name) ? ["webgpu", "wasm"] : ["wasm"];
      sessions[name] = await ort.InferenceSession.create(await read(`${name}.onnx`), { executionProviders });
    }
    return new Voice(ort, config, sessions, costs);
  }

  constructor(ort, config, sessions, costs) {
    Object.assign(this, { ort, config, sessions, costs });
    this.run = this.run.bind(this);
  }

  /** Run a graph: inputs are pairs of a typed array and its shape, outputs typed arrays, both by name. */
  async run(name, inputs) {
    const feeds = {};
    for (const input of this.sessions[name].inputNames) { // a graph has no input that it does not read
      const [data, shape] = inputs[input];
      feeds[input] = new this.ort.Tensor(data instanceof BigInt64Array ? "int64" : "float32", data, shape);
    }
    const results = await this.sessions[name].run(feeds), outputs = {};
    for (const [output, tensor] of Object.entries(results)) outputs[output] = tensor.data;
    return outputs;
  }

  /** Return frames and utterance embedding of a recording, float samples at the model's rate. */
  async analyse(samples) {
    const { hop_samples: hop, num_units: units, latent_dim: dim } = this.config;
    const clean = preparePrompt(samples, this.config), count = Math.ceil(clean.length / hop);
    const padded = new Float32Array(count * hop);
    padded.set(clean);
    const { distances, latents, utterance } = await this.run("analysis", { waveform: [padded, [count, hop]] });
    return { frames: new Frames(unitsOf(distances, units, this.costs), latents, dim), utterance };
  }

  /**
   * Continue a prompt; yields { samples, frames, total } as samples become ready and at least every tenth frame, and at
   * last { ended } too: whether the model drew the end.
   * sampling: token_temperature, latent_temperature, top_k, top_p. noise: a seed, or what stands for SeededNoise.
   */
  async *continue({ frames: prompt, utterance }, { seconds, sampling, noise }) {
    const config = this.config, source = typeof noise === "number" ? new SeededNoise(noise) : noise;
    const most = Math.min(Math.round(seconds * config.frame_rate_hz), config.max_positions - prompt.length);
    const least = Math.min(most, Math.round(config.min_seconds * config.frame_rate_hz));
    const frames = new Frames(prompt.tokenIds, prompt.values, config.latent_dim);
    const decoder = new TakeDecoder(this.run, config, utterance, source), total = prompt.length + most;
    let ended = false, samples = await decoder.feed(frames, false);
    yield { samples, frames: frames.length, total };
    for await (ended of this.#draw(frames, most, least, sampling, source)) {
      samples = await decoder.feed(frames, ended);
      if (samples.length || frames.length % 10 === 0) yield { samples, frames: frames.length, total };
    }
    yield { samples: await decoder.feed(frames, true), frames: frames.length, total, ended };
  }

  /** Draw frames behind those given, at most `most`; yields after each whether it was the end, which is no frame. */
  async *#draw(frames, most, least, sampling, noise) {
    const { config } = this;
    const cache = new Cache(config.num_layers, config.num_heads, config.head_dim);
    const temperature = [Float32Array.of(sampling.latent_temperature), []];
    let initial = Float32Array.from({ length: config.token_dim }, () => (config.random_initial_state ? 2 * noise.uniform() - 1 : 0));
    let given = frames.slice(0, frames.length);
    for (let step = 0; step < most; step++) {
      const out = await this.run("step", {
        ...cache.inputs(), ...given, temperature,
        initial: [initial, [initial.length / config.token_dim, config.token_dim]],
        normal: [noise.normal(config.latent_dim), [config.latent_dim]],
      });
      cache.write(out.new_keys, out.new_values);
      const mayEnd = config.learned_end && step >= least;
      const logits = mayEnd ? out.logits : out.logits.subarray(0, config.num_tokens);
      const token = inverseCdf(tokenProbabilities(logits, sampling), noise.uniform());
      if (token === config.num_tokens) { yield true; return; }
      frames.push(token, out.drawn);
      yield false;
      given = frames.slice(frames.length - 1, frames.length);
      initial = new Float32Array(0);
    }
  }
}
