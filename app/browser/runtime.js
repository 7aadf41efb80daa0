// onnxruntime-web: its files are runtime/, renamed to .js, as older hosts do not know .mjs as a script.

import { fetched, FileError, missing } from "./files.js";

const MOST_THREADS = 4;
const FILES = {
  wasm: ["ort.wasm.min.js", "ort-wasm-simd-threaded"],
  webgpu: ["ort.webgpu.min.js", "ort-wasm-simd-threaded.asyncify"],
};

/** Return onnxruntime-web, ready to load graphs. threads: as many as the processor has, or four, where undefined. */
export async function startRuntime(gpu, threads) {
  const [script, assembly] = FILES[gpu ? "webgpu" : "wasm"];
  const ort = await import(`./runtime/${script}`).catch(() => { throw new FileError(`${missing(`runtime/${script}`)}.`); });
  const cores = self.navigator.hardwareConcurrency || 1;
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(threads ?? MOST_THREADS, cores) : 1;
  ort.env.wasm.wasmBinary = await fetched(`runtime/${assembly}.wasm`);
  ort.env.wasm.wasmPaths = { mjs: new URL(`runtime/${assembly}.js`, import.meta.url).href };
  return ort;
}
