// Plays a take while it is being made. The value is {run, chunks, done, prompt}: `chunks` only grows during a run and
// each is base64 of 16-bit samples at 16 kHz; the first `prompt` samples are the visitor's own words as the model says
// them. Sample-exact, needs no codec, and no chunk can be lost when updates are merged.
// What a run will begin with may be here before it is asked for (`undertoneBegin`): then it sounds at once.
// After every gap more sound is kept in hand before it goes on, so that a busy machine pauses once and not every second.
const RATE = 16000, FIRST_LEAD_SECONDS = 0.25, OPENING_LEAD_SECONDS = 0.02, MOST_LEAD_SECONDS = 8;
const toggle = element.querySelector(".live-toggle"), label = element.querySelector(".live-label");
const skip = element.querySelector(".live-skip");
const state = {
  run: null, chunk: 0, samples: 0, prompt: 0, context: null, next: 0, sources: new Set(), done: false, wanted: true,
  kept: [], held: [], lead: FIRST_LEAD_SECONDS, gaps: 0, started: false, skipped: false, promptEnds: null,
};

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
  state.held = [];
}

// What was received, from a sample on: {at, samples} of each piece.
function hold(at, samples) {
  const from = state.skipped ? Math.max(0, state.prompt - at) : 0;
  if (from < samples.length) state.held.push({ at: at + from, samples: samples.subarray(from) });
}

const inHand = () => state.held.reduce((sum, piece) => sum + piece.samples.length, 0) / RATE;
const running = () => state.context && state.next > state.context.currentTime + 0.02;

function flush() {
  const context = state.context;
  if (!context || !state.wanted) { state.held = []; return; }
  if (!state.held.length) return;
  if (!running()) {
    if (state.started && !state.waiting) { // it ran dry
      const isLate = state.lead >= FIRST_LEAD_SECONDS; // else what was here at the press is over, and the run begins
      state.gaps += isLate ? 1 : 0;
      state.lead = isLate ? Math.min(MOST_LEAD_SECONDS, Math.max(1, 2 * state.lead)) : FIRST_LEAD_SECONDS;
    }
    state.waiting = !state.done && inHand() < state.lead;
    if (state.waiting) return;
    state.next = context.currentTime + (state.started ? 0.05 : state.lead);
  }
  state.held.splice(0).forEach(play);
  state.started = true;
}

function play({ at, samples }) {
  const buffer = state.context.createBuffer(1, samples.length, RATE);
  buffer.copyToChannel(samples, 0);
  const source = state.context.createBufferSource();
  source.buffer = buffer;
  source.connect(state.context.destination);
  source.start(state.next);
  if (at <= state.prompt && at + samples.length > state.prompt) state.promptEnds = state.next + (state.prompt - at) / RATE;
  state.next += buffer.duration;
  state.sources.add(source);
  source.onended = () => { state.sources.delete(source); show(); };
}

const inPrompt = () => !state.skipped && state.prompt > 0
  && (state.promptEnds === null || !state.context || state.context.currentTime < state.promptEnds);

function said(playing) {
  if (!state.wanted) return "Muted";
  if (!playing) return state.started ? "Waiting for more sound" : "Waiting for sound";
  return inPrompt() ? "First your own prompt, as the model says it" : "Now take 1 goes on, as it is made";
}

function show() {
  const playing = state.sources.size > 0;
  element.dataset.run = state.run || "";
  element.dataset.samples = String(state.samples);
  element.dataset.gaps = String(state.gaps);
  element.dataset.lead = String(state.lead);
  element.dataset.playing = String(playing && state.context.state === "running");
  element.dataset.part = playing ? (inPrompt() ? "prompt" : "continuation") : "";
  element.classList.toggle("is-idle", !playing && (state.done || !state.run));
  toggle.textContent = state.wanted ? "Mute" : "Unmute";
  skip.hidden = !state.wanted || !inPrompt();
  if (label.textContent !== said(playing)) label.textContent = said(playing);
  clearTimeout(state.later);
  if (playing && inPrompt()) state.later = setTimeout(show, 100);
}

function begin(run, lead) {
  silence();
  Object.assign(state, {
    run, chunk: 0, samples: 0, prompt: 0, next: 0, kept: [], lead, gaps: 0,
    started: false, waiting: false, skipped: false, promptEnds: null, done: false,
  });
}

function receive(text) {
  const samples = samplesOf(text);
  if (state.wanted) hold(state.samples, samples);
  state.kept.push({ at: state.samples, samples });
  state.samples += samples.length;
}

function update(value = props.value) {
  if (!value) { silence(); state.run = null; show(); return; }
  if (value.run !== state.run) begin(value.run, FIRST_LEAD_SECONDS);
  state.done = value.done;
  state.prompt = value.prompt || state.prompt;
  for (; state.chunk < value.chunks.length; state.chunk++) receive(value.chunks[state.chunk]);
  flush();
  if (state.chunk) state.lead = Math.max(state.lead, FIRST_LEAD_SECONDS);
  show();
}

// Plays what the run of a press begins with, which is here already; what the server sends under this name follows it.
window.undertoneBegin = ({ id, samples, prompt }) => {
  begin(id, OPENING_LEAD_SECONDS);
  state.prompt = prompt;
  receive(samples);
  flush();
  show();
};

skip.addEventListener("click", () => {
  silence();
  Object.assign(state, { skipped: true, next: 0, started: false, waiting: false });
  state.kept.forEach(({ at, samples }) => hold(at, samples));
  flush();
  show();
  toggle.focus(); // the button that had the focus is gone
});
toggle.addEventListener("click", () => {
  state.wanted = !state.wanted;
  if (!state.wanted) silence();
  show();
});
// Another player of the page takes over, and so does the Cancel button.
document.addEventListener("undertone:pause", () => { silence(); show(); });

window.undertoneLive = update;
watch("value", () => update());
show();
