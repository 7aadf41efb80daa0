// The model in a thread of its own, so that the page stays alive: loads the voice, then runs what it is told.

import { FileError, fetched } from "./files.js";
import { PromptError } from "./prompt.js";
import { startRuntime } from "./runtime.js";
import { joined } from "./take.js";
import { Voice } from "./voice.js";

let voice, cancelled = false;

const say = (kind, values = {}, moved = []) => self.postMessage({ kind, ...values }, moved);

async function gpuHere() {
  const adapter = await self.navigator.gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter) && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
}

/** Load runtime and graphs. device: "wasm", "webgpu", or "auto", which is WebGPU where there is one. */
async function load({ device, threads }) {
  const gpu = device === "webgpu" || (device === "auto" && (await gpuHere()));
  try {
    await loadOn(gpu, threads);
  } catch (error) {
    if (!gpu || device === "webgpu") throw error;
    await loadOn(false, threads); // an adapter that cannot run the graphs after all
  }
}

async function loadOn(gpu, threads) {
  const config = JSON.parse(new TextDecoder().decode(await fetched("voice.json")));
  const ort = await startRuntime(gpu, threads);
  const total = Object.values(config.files).reduce((sum, size) => sum + size, 0);
  let before = 0;
  voice = await Voice.load(ort, config, async (name) => {
    const bytes = await fetched(name, (count) => say("loading", { share: Math.min(1, (before + count) / total), bytes: total }));
    before += bytes.length;
    return bytes;
  }, gpu);
  say("loaded", { config, gpu, threads: ort.env.wasm.numThreads });
}

async function run({ samples, seconds, sampling, seed }) {
  cancelled = false;
  const began = performance.now(), pieces = [];
  const prompt = await voice.analyse(samples);
  let first = null, last;
  for await (last of voice.continue(prompt, { seconds, sampling, noise: seed })) {
    if (last.samples.length) first ??= performance.now() - began;
    pieces.push(last.samples);
    say("progress", { frames: last.frames, total: last.total, samples: last.samples });
    await new Promise((resolve) => setTimeout(resolve)); // so that a message to stop is heard
    if (cancelled) { say("stopped"); return; }
  }
  const take = joined(pieces);
  say("done", {
    samples: take, promptFrames: prompt.frames.length, ended: last.ended, firstSoundSeconds: first / 1000,
    workSeconds: (performance.now() - began) / 1000,
  }, [take.buffer]);
}

self.addEventListener("message", async ({ data }) => {
  if (data.kind === "stop") { cancelled = true; return; }
  try {
    await (data.kind === "load" ? load(data) : run(data));
  } catch (error) {
    const expected = error instanceof PromptError || error instanceof FileError;
    say("problem", { text: expected ? error.message : `It did not work: ${error.message}. Load the page again.` });
  }
});
