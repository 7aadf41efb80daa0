// Plays a take while it is being made. The value is {run, chunks, done}: `chunks` only grows during a run and each is
// base64 of 16-bit samples at 16 kHz. Sample-exact, needs no codec, and no chunk can be lost when updates are merged.
const RATE = 16000, LEAD_SECONDS = 0.25;
const toggle = element.querySelector(".live-toggle"), label = element.querySelector(".live-label");
const state = { run: null, chunk: 0, samples: 0, context: null, next: 0, sources: new Set(), done: false, wanted: true };

// Browsers start sound only from a key press or a click: the Continue button calls this one.
window.undertoneArmPlayer = () => {
  if (!state.context) state.context = new (window.AudioContext || window.webkitAudioContext)({ sampleRate: RATE });
  state.context.resume();
};

function samplesOf(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const ints = new Int16Array(bytes.buffer, 0, bytes.length >> 1);
  return Float32Array.from(ints, (value) => value / 32768);
}

function silence() {
  state.sources.forEach((source) => { source.onended = null; source.stop(); });
  state.sources.clear();
}

function schedule(samples) {
  const context = state.context;
  if (!context || !state.wanted || samples.length === 0) return;
  const buffer = context.createBuffer(1, samples.length, RATE);
  buffer.copyToChannel(samples, 0);
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  if (state.next < context.currentTime + 0.02) state.next = context.currentTime + LEAD_SECONDS;
  source.start(state.next);
  state.next += buffer.duration;
  state.sources.add(source);
  source.onended = () => { state.sources.delete(source); show(); };
}

function show() {
  const playing = state.sources.size > 0;
  element.dataset.run = state.run || "";
  element.dataset.samples = String(state.samples);
  element.dataset.playing = String(playing && state.context.state === "running");
  element.classList.toggle("is-idle", !playing && (state.done || !state.run));
  toggle.textContent = state.wanted ? "Mute" : "Unmute";
  label.textContent = playing ? "Playing take 1 as it is made" : state.wanted ? "Waiting for sound" : "Muted";
}

function update() {
  const value = props.value;
  if (!value) { silence(); state.run = null; show(); return; }
  if (value.run !== state.run) {
    silence();
    Object.assign(state, { run: value.run, chunk: 0, samples: 0, next: 0 });
  }
  state.done = value.done;
  for (; state.chunk < value.chunks.length; state.chunk++) {
    const samples = samplesOf(value.chunks[state.chunk]);
    state.samples += samples.length;
    schedule(samples);
  }
  show();
}

toggle.addEventListener("click", () => {
  state.wanted = !state.wanted;
  if (!state.wanted) silence();
  show();
});
// Another player of the page takes over, and so does the Cancel button.
document.addEventListener("undertone:hush", () => { silence(); show(); });

watch("value", update);
show();
