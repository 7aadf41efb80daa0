// The page: a clip in, a take out. The model is in worker.js; nothing that is recorded is sent anywhere.

import { LivePlayer } from "./player.js";
import { decode, Recorder } from "./recording.js";
import { lacking } from "./support.js";
import { drawWaveform } from "./waveform.js";
import { wavOf } from "./wav.js";

const RATE_HZ = 16_000;
const SHORTEST_SECONDS = 1;
const MOST_SEED = 2_147_483_647;
const DEFAULT_PRESET = "balanced";
const GOOD = "note note-good", PLAIN = "note", PROBLEM = "note note-problem", WARNING = "note note-warning";
const at = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const state = { clip: null, take: null, config: null, recorder: null, running: false, seed: 0, player: null };

function say(id, text, look = PLAIN) {
  at(id).textContent = text;
  at(id).className = look;
}

function sound(id, samples) {
  const player = at(id);
  if (player.src) URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(wavOf(samples, RATE_HZ));
  return player.src;
}

// The clip

/** Let a clip be recorded or chosen, or not: one that is taken before the page is loaded again would be lost. */
function takeClips(taken) {
  at("record").disabled = at("file").disabled = !taken;
  if (taken) say("clip-note", "Three seconds are enough. Recording stops by itself.");
}

function promptRange() {
  const start = Math.round(Number(at("start").value) * RATE_HZ);
  return [start, Math.min(state.clip.length, start + Math.round(Number(at("prompt-seconds").value) * RATE_HZ))];
}

function showPrompt() {
  const [start, end] = promptRange();
  at("start-value").textContent = `${(start / RATE_HZ).toFixed(1)} s`;
  at("prompt-seconds-value").textContent = `${((end - start) / RATE_HZ).toFixed(1)} s`;
  drawWaveform(at("clip-wave"), state.clip, start, end);
  sound("prompt-sound", state.clip.subarray(start, end));
}

async function useClip(blob) {
  try {
    state.clip = await decode(blob, RATE_HZ);
  } catch (error) {
    say("clip-note", error.message, PROBLEM);
    return;
  }
  const seconds = state.clip.length / RATE_HZ;
  at("start").max = Math.max(0, seconds - SHORTEST_SECONDS).toFixed(1);
  at("start").value = 0;
  at("clip").hidden = false;
  say("clip-note", `${seconds.toFixed(1)} s of sound. The marked part is the prompt.`, GOOD);
  showPrompt();
  ready();
}

async function record() {
  if (state.recorder) { state.recorder.stop(); return; }
  const seconds = Number(at("prompt-seconds").value) + 0.3; // what the microphone needs to begin
  state.recorder = new Recorder(seconds, (passed) => { at("clock").textContent = `${passed.toFixed(1)} s`; });
  say("clip-note", `Recording. It stops by itself after ${seconds.toFixed(1)} s.`, WARNING);
  silence();
  at("record").classList.add("recording");
  at("record").textContent = "Stop recording";
  try {
    await useClip(await state.recorder.record());
  } catch (error) {
    say("clip-note", error.message, PROBLEM);
  } finally {
    state.recorder = null;
    at("clock").textContent = "";
    at("record").classList.remove("recording");
    at("record").textContent = "Record";
  }
}

// The run

function ready() {
  at("go").disabled = !(state.clip && state.config) || state.running;
  at("stop").hidden = !state.running;
  if (state.config && !state.running) {
    say("run-note", state.clip ? "Ready. It may take a few seconds." : "Record or upload a clip first.");
  }
}

function run() {
  const typed = at("seed").value.trim();
  const seed = typed === "" ? crypto.getRandomValues(new Uint32Array(1))[0] >>> 1 : Number(typed);
  if (!Number.isInteger(seed) || seed < 0 || seed > MOST_SEED) {
    say("run-note", `The seed is a whole number from 0 to ${MOST_SEED}.`, PROBLEM);
    return;
  }
  const [start, end] = promptRange(), preset = document.querySelector("#presets input:checked").value;
  Object.assign(state, { running: true, seed });
  ready();
  say("run-note", at("live").checked ? "The take is being made; you hear it meanwhile." : "The take is being made.");
  showProgress(0);
  silence();
  if (at("live").checked) state.player = new LivePlayer(RATE_HZ);
  worker.postMessage({
    kind: "run", samples: state.clip.slice(start, end), seconds: Number(at("seconds").value),
    sampling: state.config.presets[preset], seed,
  });
}

function silence() {
  state.player?.stop();
  state.player = null;
  document.querySelectorAll("audio").forEach((player) => player.pause());
}

function showProgress(share, text = "") {
  at("count").textContent = text; // not read aloud: it changes many times a second
  at("progress").hidden = share === null;
  if (share !== null) at("progress").value = share;
}

function finish(text, look) {
  state.running = false;
  showProgress(null);
  ready();
  say("run-note", text, look);
}

function showTake({ samples, promptFrames, ended, firstSoundSeconds, workSeconds }) {
  const boundary = promptFrames * state.config.hop_samples, seconds = samples.length / RATE_HZ;
  state.take = { samples, boundary, firstSoundSeconds, workSeconds };
  at("take").hidden = false;
  drawWaveform(at("take-wave"), samples, boundary, samples.length);
  at("save").href = sound("take-sound", samples);
  at("save").download = `take-seed-${state.seed}.wav`;
  at("take-said").textContent =
    `The first ${(boundary / RATE_HZ).toFixed(1)} s are the prompt as the model says it, the coloured part is how it ` +
    `goes on. Seed ${state.seed}.${ended ? " It ended by itself." : ""}`;
  finish(`${seconds.toFixed(1)} s of speech in ${workSeconds.toFixed(1)} s.`, GOOD);
}

// What the worker says

// A worker made of a blob is under the page's policy: it too may ask for nothing but the files of this folder.
const program = new Blob([`import ${JSON.stringify(new URL("worker.js", location.href))};`], { type: "text/javascript" });
const worker = new Worker(URL.createObjectURL(program), { type: "module" });
const answers = {
  loading: ({ share, bytes }) => showProgress(share, `${Math.round(100 * share)} % of ${Math.round(bytes / 1e6)} MB`),
  loaded: ({ config, gpu, threads }) => {
    state.config = config;
    showProgress(null);
    at("device").textContent = gpu ? "WebGPU and processor" : threads > 1 ? `${threads} threads` : "1 thread";
    at("voice").textContent = `Voice: ${config.name}, licence ${config.licence}.`;
    showPresets(Object.keys(config.presets));
    ready();
  },
  progress: ({ frames, total, samples }) => {
    const seconds = (count) => (count / state.config.frame_rate_hz).toFixed(1);
    showProgress(frames / total, `${seconds(frames)} s of at most ${seconds(total)} s`);
    state.player?.add(samples);
  },
  done: showTake,
  stopped: () => { silence(); finish("Stopped.", PLAIN); },
  problem: ({ text }) => { silence(); finish(text, PROBLEM); },
};
worker.addEventListener("message", ({ data }) => answers[data.kind](data));
worker.addEventListener("error", (event) => {
  finish(`The page's program could not start: ${event.message || "a file is missing"}. Load the page again.`, PROBLEM);
});

function showPresets(names) {
  at("presets").replaceChildren(...names.map((name) => {
    const label = document.createElement("label"), choice = document.createElement("input");
    Object.assign(choice, { type: "radio", name: "preset", value: name, checked: name === DEFAULT_PRESET });
    label.append(choice, name[0].toUpperCase() + name.slice(1));
    return label;
  }));
}

// Threads need an isolated page: where the host does not send the headers, a service worker adds them.

async function isolate() {
  if (window.crossOriginIsolated || !window.isSecureContext || !navigator.serviceWorker) return false;
  try {
    if (sessionStorage.getItem("isolated")) return false; // once: a browser that refuses is left with one thread
    sessionStorage.setItem("isolated", "tried");
    await navigator.serviceWorker.register("coi.js");
    await navigator.serviceWorker.ready;
  } catch { // in a frame of another site, browsers may refuse storage and service workers
    return false;
  }
  location.reload();
  return true;
}

async function begin() {
  takeClips(false); // a browser that keeps the state of controls over a reload may have them open
  const lack = lacking();
  if (lack) { say("run-note", lack, PROBLEM); return; }
  say("run-note", "The voice is being loaded.");
  if (await isolate()) return; // the page that is loaded next takes clips
  takeClips(true);
  worker.postMessage({ kind: "load", device: query.get("device") ?? "auto", threads: Number(query.get("threads")) || undefined });
}

at("record").addEventListener("click", record);
at("file").addEventListener("change", ({ target }) => target.files[0] && useClip(target.files[0]));
at("start").addEventListener("input", showPrompt);
at("prompt-seconds").addEventListener("input", showPrompt);
at("seconds").addEventListener("input", () => { at("seconds-value").textContent = `${at("seconds").value} s`; });
at("seconds").dispatchEvent(new Event("input"));
at("go").addEventListener("click", run);
document.querySelectorAll("audio").forEach((player) => player.addEventListener("play", () => {
  state.player?.stop(); // one sound at a time
}));
at("live").addEventListener("change", () => { if (!at("live").checked) silence(); });
at("stop").addEventListener("click", () => worker.postMessage({ kind: "stop" }));
window.addEventListener("resize", () => {
  if (state.clip) drawWaveform(at("clip-wave"), state.clip, ...promptRange());
  if (state.take) drawWaveform(at("take-wave"), state.take.samples, state.take.boundary, state.take.samples.length);
});
begin();
