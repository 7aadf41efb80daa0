// Two sounds under the names X and Y, and nothing else to tell them by: no waveform, no length, no file name.
// The value is {round, sounds: [x, y]}, each base64 of 16-bit samples at 16 kHz.
const RATE = 16000, buttons = [...element.querySelectorAll("[data-sound]")];
const state = { round: null, sounds: [], context: null, node: null, place: null };

function decode(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const ints = new Int16Array(bytes.buffer, 0, bytes.length >> 1);
  const sound = new AudioBuffer({ length: Math.max(1, ints.length), sampleRate: RATE, numberOfChannels: 1 });
  sound.copyToChannel(Float32Array.from(ints, (value) => value / 32768), 0);
  return sound;
}

function show() {
  element.dataset.playing = state.place === null ? "" : "XY"[state.place];
  buttons.forEach((button, place) => {
    button.setAttribute("aria-pressed", String(state.place === place));
    button.textContent = `${state.place === place ? "Stop" : "Play"} ${"XY"[place]}`;
    button.disabled = !state.sounds[place];
  });
}

function halt() {
  if (state.node) { state.node.onended = null; state.node.stop(); }
  Object.assign(state, { node: null, place: null });
  show();
}

buttons.forEach((button, place) => button.addEventListener("click", () => {
  const again = state.place === place;
  halt();
  if (again || !state.sounds[place]) return;
  if (!state.context) state.context = new (window.AudioContext || window.webkitAudioContext)();
  state.context.resume();
  const node = state.context.createBufferSource();
  node.buffer = state.sounds[place];
  node.connect(state.context.destination);
  node.onended = halt;
  node.start();
  Object.assign(state, { node, place });
  document.dispatchEvent(new CustomEvent("undertone:pause", { detail: "blind" }));
  show();
}));
document.addEventListener("undertone:pause", ({ detail }) => { if (detail !== "blind") halt(); });

function update() {
  const value = props.value;
  if (value && value.round === state.round) return;
  halt();
  state.round = value ? value.round : null;
  state.sounds = value ? value.sounds.map(decode) : [];
  show();
}
watch("value", update);
update();
