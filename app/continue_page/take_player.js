// Marks in a take's player where the prompt ends and the continuation begins, jumps there, and says where the sound is.
// The value is {take, boundary, seconds, seed, settings, prompt}; `take` names the take for other scripts, times are in
// seconds; `prompt` is {seconds, days, settings, key, name, problem}: what a link may have where the visitor agrees.
// Gradio draws the player anew with every sound, so the mark is put back whenever it is gone.
const card = element.closest(".take-card"), button = element.querySelector(".take-jump");
const words = element.querySelector(".take-boundary-words");
const mark = Object.assign(document.createElement("div"), { className: "take-boundary" });
mark.setAttribute("aria-hidden", "true"); // its text equivalent stands below the player
const sharing = element.querySelector(".take-sharing"), agreed = element.querySelector(".take-share");
const state = { take: null, linkWaits: false, audio: null, jump: null }; // jump: seconds from which to play as soon as the sound is there

const waveform = () => card.querySelector(".waveform-container");
function audioOf(container) {
  const host = [...container.querySelectorAll("#waveform *")].find((child) => child.shadowRoot?.querySelector("audio"));
  return host ? host.shadowRoot.querySelector("audio") : null;
}

function tell() {
  const { audio } = state, value = props.value;
  if (!audio || !value) return;
  element.dataset.seconds = audio.currentTime.toFixed(2);
  element.dataset.playing = String(!audio.paused);
  const detail = { take: value.take, seconds: audio.currentTime, playing: !audio.paused };
  document.dispatchEvent(new CustomEvent("undertone:position", { detail }));
}

function follow(audio) {
  if (audio !== state.audio || !audio.isConnected) return;
  tell();
  if (!audio.paused) requestAnimationFrame(() => follow(audio));
}

function listen(audio) {
  state.audio = audio;
  audio.addEventListener("play", () => {
    document.dispatchEvent(new CustomEvent("undertone:take", { detail: element }));
    follow(audio);
  });
  audio.addEventListener("loadedmetadata", () => audio === state.audio && state.jump !== null && start(state.jump));
  for (const name of ["pause", "seeked", "ended"]) audio.addEventListener(name, () => audio === state.audio && tell());
}

function start(seconds) {
  state.jump = null;
  state.audio.currentTime = seconds;
  state.audio.play();
}

function jumpTo(seconds) {
  if (state.audio?.isConnected && state.audio.src) start(seconds);
  else state.jump = seconds; // the sound is still on its way
}

function attach() {
  const container = waveform(), value = props.value;
  if (!container || !value) return;
  if (mark.parentElement !== container) container.append(mark);
  const audio = audioOf(container);
  if (audio && audio !== state.audio) listen(audio);
  if (audio?.src && state.jump !== null) start(state.jump);
}

function update() {
  const value = props.value;
  element.hidden = !value || value.boundary >= value.seconds;
  mark.hidden = element.hidden;
  state.jump = null;
  showSharing(value?.prompt);
  if (!value) return;
  mark.style.left = `${100 * Math.min(1, value.boundary / value.seconds)}%`; // a share, so that it stays when resized
  words.textContent = `Prompt until ${value.boundary.toFixed(1)} s, then the continuation.`;
  attach();
}

function showSharing(prompt) {
  sharing.hidden = !prompt;
  if (props.value?.take !== state.take) { agreed.checked = false; state.linkWaits = false; } // asked anew for every take
  state.take = props.value?.take;
  if (!prompt) return;
  element.querySelector(".take-share-words").textContent =
    `Its ${prompt.seconds.toFixed(1)} s of your recording are then kept on this server for ${prompt.days} days, and whoever ` +
    "has the link can hear and save them. You can delete them earlier, under “Shared prompts” below the takes.";
  element.querySelector(".take-share-said").textContent = prompt.problem ? `Not shared: ${prompt.problem}` : "";
  if (!state.linkWaits) return;
  state.linkWaits = false;
  if (prompt.key) sendLink();
}

const withdrawn = new Set(); // keys of prompts that were deleted since they were shared
const isShared = () => Boolean(props.value.prompt?.key) && !withdrawn.has(props.value.prompt.key);
const sharedLink = () => (agreed.checked && isShared() ? props.value.prompt : null);
function sendLink() {
  const { settings, seed } = props.value, shared = sharedLink();
  const detail = { settings: shared?.settings ?? settings, name: `Take with seed ${seed}`, shared };
  document.dispatchEvent(new CustomEvent("undertone:link", { detail }));
}

element.querySelector(".take-keep").addEventListener("click", () => {
  const { settings, seed } = props.value;
  if (!state.audio?.src) return; // the sound is still on its way
  const shared = sharedLink(), link = shared && { settings: shared.settings, prompt: shared.name };
  const detail = { name: `Take with seed ${seed}`, settings, url: state.audio.src, link };
  document.dispatchEvent(new CustomEvent("undertone:keep", { detail }));
});
element.querySelector(".take-link").addEventListener("click", () => {
  if (!agreed.checked || isShared()) { sendLink(); return; }
  state.linkWaits = true;
  trigger("input", { take: props.value.take });
});
document.addEventListener("undertone:withdrawn", ({ detail }) => {
  withdrawn.add(detail);
  if (props.value?.prompt?.key === detail) agreed.checked = false;
});
button.addEventListener("click", () => jumpTo(props.value.boundary));
document.addEventListener("undertone:word", ({ detail }) => { if (detail.owner === props.value?.take) jumpTo(detail.start); });
const pauseOther = () => { if (state.audio && !state.audio.paused) state.audio.pause(); };
document.addEventListener("undertone:take", ({ detail }) => { if (detail !== element) pauseOther(); });
document.addEventListener("undertone:pause", ({ detail }) => { if (detail === "blind") pauseOther(); });
new MutationObserver(attach).observe(card, { childList: true, subtree: true });
watch("value", update);
update();
