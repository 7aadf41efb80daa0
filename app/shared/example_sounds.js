// Plays an example before it is chosen. The value is {names, place, sound}: the names in the order of the choice above,
// and the example that was asked for, as a data URL. Each is asked for once.
const row = element.querySelector(".example-buttons"), audio = new Audio(), sounds = new Map();
const state = { place: null };

function show() {
  element.dataset.playing = state.place !== null && !audio.paused ? String(state.place) : "";
  [...row.children].forEach((button, place) => {
    button.textContent = `${place === state.place ? "Stop" : "Hear"}: ${props.value.names[place]}`;
    button.setAttribute("aria-pressed", String(place === state.place));
  });
}

function halt() {
  audio.pause();
  state.place = null;
  show();
}

function start() {
  audio.src = sounds.get(state.place);
  audio.play().then(show, (error) => { if (error.name !== "AbortError") halt(); });
}

function press(place) {
  const again = state.place === place;
  halt();
  if (again) return;
  document.dispatchEvent(new CustomEvent("undertone:pause", { detail: "example" }));
  state.place = place;
  show();
  if (sounds.has(place)) start();
  else trigger("select", { place });
}

function update() {
  const { names = [], place = null, sound = null } = props.value || {};
  while (row.children.length < names.length) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "example-button" });
    const at = row.children.length;
    button.addEventListener("click", () => press(at));
    row.append(button);
  }
  if (sound !== null) sounds.set(place, sound);
  if (sound !== null && place === state.place && audio.paused) start(); // else another was pressed meanwhile
  show();
}
audio.addEventListener("ended", halt);
const yieldTo = ({ detail }) => { if (detail !== "example" && state.place !== null) halt(); };
for (const name of ["undertone:pause", "undertone:take"]) document.addEventListener(name, yieldTo);
watch("value", update);
update();
