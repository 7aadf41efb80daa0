// One player for every version of the clip: switch between them while it plays, at the same place.
// Sounds come as base64 of 16-bit samples at 16 kHz in the events undertone:source {recording, before},
// undertone:edited {after} and undertone:draft {samples}; undertone:play plays something once.
const RATE = 16000;
const toggle = element.querySelector(".listen-play"), clock = element.querySelector(".listen-time");
const caption = element.querySelector(".listen-caption"), loop = element.querySelector(".listen-loop input");
const follow = element.querySelector(".listen-follow input"), choices = [...element.querySelectorAll("[data-version]")];
const state = { sounds: {}, version: "after", place: 0, node: null, started: 0, context: null, range: null, once: null, serial: 0 };

function context() {
  if (!state.context) state.context = new (window.AudioContext || window.webkitAudioContext)();
  state.context.resume();
  return state.context;
}

function decode(samples) {
  if (!samples) return null;
  const bytes = Uint8Array.from(atob(samples), (c) => c.charCodeAt(0));
  const ints = new Int16Array(bytes.buffer, 0, bytes.length >> 1);
  const sound = new AudioBuffer({ length: Math.max(1, ints.length), sampleRate: RATE, numberOfChannels: 1 });
  sound.copyToChannel(Float32Array.from(ints, (value) => value / 32768), 0);
  return sound;
}

const playing = () => state.node !== null;
const sound = () => state.once || state.sounds[state.version] || null;
const ends = () => (state.once || !state.range ? [0, sound() ? sound().duration : 0] : state.range);
const place = () => (playing() ? state.place + state.context.currentTime - state.started : state.place);

function halt(keep) {
  if (!state.node) return;
  const now = place();
  state.node.onended = null;
  state.node.stop();
  state.node = null;
  state.place = keep ? now : ends()[0];
}

function start(from) {
  halt(false);
  const buffer = sound();
  if (!buffer) return;
  const [first, last] = ends(), node = context().createBufferSource();
  const begin = from > first - 0.001 && from < Math.min(last, buffer.duration) - 0.02 ? from : first;
  node.buffer = buffer;
  node.connect(state.context.destination);
  node.onended = () => {
    state.node = null;
    state.place = ends()[0];
    if (loop.checked && !state.once) start(state.place);
    else { state.once = null; show(); }
  };
  node.start(0, begin, Math.max(0.02, Math.min(last, buffer.duration) - begin));
  Object.assign(state, { node, place: begin, started: state.context.currentTime });
  document.dispatchEvent(new CustomEvent("undertone:pause", { detail: "listen" }));
  show();
  requestAnimationFrame(tick);
}

function tick() {
  const at = playing() && !state.once ? place() : null;
  document.dispatchEvent(new CustomEvent("undertone:playhead", { detail: at }));
  clock.textContent = sound() ? `${Math.max(0, place()).toFixed(1)} / ${sound().duration.toFixed(1)} s` : "";
  if (playing()) requestAnimationFrame(tick);
}

function show() {
  toggle.textContent = playing() ? "Stop" : "Play";
  element.dataset.playing = String(playing());
  element.dataset.version = state.once ? "once" : state.version;
  choices.forEach((button) => {
    button.setAttribute("aria-pressed", String(!state.once && button.dataset.version === state.version));
    button.hidden = button.dataset.version === "recording" && !state.sounds.recording;
  });
  if (!state.once) caption.textContent = state.sounds.isDraft && state.version === "after" ? "draft quality" : "";
  tick();
}

function choose(version) {
  const now = place(), was = playing() && !state.once;
  halt(true);
  state.once = null;
  state.version = version;
  if (was) start(now); else { state.place = Math.min(now, sound() ? sound().duration : 0); show(); }
}

function replaceAfter(samples, isDraft) {
  const was = playing() && !state.once && state.version === "after", now = place();
  state.sounds.after = decode(samples);
  state.sounds.isDraft = isDraft;
  element.dataset.quality = isDraft ? "draft" : "full";
  if (was) start(now); else show();
}

toggle.addEventListener("click", () => { if (playing()) { halt(false); state.once = null; show(); } else start(state.place); });
choices.forEach((button) => button.addEventListener("click", () => choose(button.dataset.version)));
// Answers may come in another order than they were given in: an older sound does not replace a newer one.
const newer = (detail) => {
  if (!detail || !(detail.serial > state.serial)) return false;
  state.serial = detail.serial;
  return true;
};
const receive = { source: (detail) => {
  if (detail && !newer(detail)) return;
  halt(false);
  Object.assign(state, { sounds: {}, once: null, version: "after", place: 0, range: null });
  if (!detail) { show(); return; }
  state.sounds.recording = decode(detail.recording);
  state.sounds.before = decode(detail.before);
  show();
}, edited: (detail) => { if (newer(detail)) replaceAfter(detail.after, false); } };
Object.entries(receive).forEach(([name, accept]) => {
  document.addEventListener(`undertone:${name}`, ({ detail }) => accept(detail));
  if (window.undertoneSent && window.undertoneSent[name]) accept(window.undertoneSent[name]);
});
document.addEventListener("undertone:draft", ({ detail }) => {
  if (!detail || !detail.samples || !newer(detail)) return;
  const was = playing() && !state.once && state.version === "after";
  replaceAfter(detail.samples, true);
  if (follow.checked && !was) { state.once = null; state.version = "after"; start(ends()[0]); }
});
document.addEventListener("undertone:play", ({ detail }) => {
  halt(false);
  state.once = decode(detail.samples);
  caption.textContent = detail.label;
  start(0);
});
document.addEventListener("undertone:range", ({ detail }) => {
  state.range = detail && detail[1] > detail[0] ? detail : null;
  if (!playing()) state.place = ends()[0];
  tick();
});
document.addEventListener("undertone:pause", ({ detail }) => { if (detail !== "listen") { halt(false); state.once = null; show(); } });
show();
