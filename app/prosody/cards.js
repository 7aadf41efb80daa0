// The cards: sliders for every latent dimension and measured direction. The value is
// {cards, values, range_edits, morph, revision}; events go to the server as
//   input    {values, morph, token}    while a slider moves: a draft is wanted
//   release  {values, morph}           it stands: full quality
//   select   {audition, token}         the card at -2, 0 and +2 sigma
//   delete   {label}                   an edit of a time range is taken back
// Locks and resets live here; the server is told only where the sliders stand. Every step says its number and whose
// sliders they are. What the server shows is taken over unless something was moved here that it has not received yet.
// Requests overtake each other on their way: what follows a release is sent when the server has answered it.
const PARTS = [
  { name: "Shift", unit: "σ", step: 0.1 },
  { name: "Movement", unit: "×", step: 0.05, low: 0, high: 2.5 },
  { name: "Smoothing", unit: "s", step: 0.02, low: 0, high: 0.6 },
];
const WORDS = { "σ": "sigma", "×": "times as much", "s": "seconds" };
const REST = [0, 1, 0], SIGMAS = [-2, 0, 2], DRAFT_PATIENCE_MS = 6000, KEYBOARD_PAUSE_MS = 450, ANSWER_PATIENCE_MS = 15000;
const list = element.querySelector(".card-list"), chips = element.querySelector(".card-range-edits");
const state = {
  cards: "", values: {}, morph: null, locked: new Set(), token: 0, waiting: null, dirty: false, timer: null,
  pointer: false, clips: new Map(), wish: null, revision: 0, editState: null,
  session: null, sequence: 0, moved: false, released: 0, releasedAt: 0, answered: 0, unsent: [],
};

const isUnanswered = () => state.answered < state.released && Date.now() - state.releasedAt < ANSWER_PATIENCE_MS;
function sendWaiting() {
  while (state.unsent.length && !isUnanswered()) {
    const { event, data } = state.unsent.shift();
    element.dataset.sent = ++state.sequence;
    trigger(event, { ...data, session: state.session, sequence: state.sequence });
    if (event !== "release") continue;
    Object.assign(state, { released: state.sequence, releasedAt: Date.now() });
    setTimeout(sendWaiting, ANSWER_PATIENCE_MS + 50); // timers may come a millisecond early
  }
}
const send = (event, data) => {
  state.unsent.push({ event, data });
  sendWaiting();
};
const quiet = () => { state.wish = null; list.querySelectorAll(".card-busy").forEach((busy) => { busy.textContent = ""; }); };
const copy = (values) => JSON.parse(JSON.stringify(values));
const current = () => ({ values: copy(state.values), morph: state.morph });
const html = (text) => { const t = document.createElement("template"); t.innerHTML = text.trim(); return t.content.firstChild; };
const text = (value) => { const span = document.createElement("span"); span.textContent = value; return span.innerHTML.replaceAll('"', "&quot;"); };
const cards = () => (props.value && props.value.cards) || [];
const limits = (card, part) => (part === 0 ? [card.low, card.high] : [PARTS[part].low, PARTS[part].high]);

// One draft is under way at a time; what has moved meanwhile is asked for when it has come.
function wantDraft() {
  state.clips.clear();
  if (state.waiting && Date.now() - state.waiting.at < DRAFT_PATIENCE_MS) { state.dirty = true; return; }
  state.dirty = false;
  state.waiting = { token: ++state.token, at: Date.now() };
  send("input", { ...current(), token: state.token });
}
document.addEventListener("undertone:draft", (event) => {
  if (!event.detail || !state.waiting || event.detail.token < state.waiting.token) return;
  state.waiting = null;
  if (state.dirty) wantDraft();
});

function settle(pause = 0) {
  clearTimeout(state.timer);
  state.moved = true;
  state.timer = setTimeout(() => {
    Object.assign(state, { waiting: null, dirty: false, timer: null, moved: false });
    state.clips.clear();
    quiet();
    send("release", current());
  }, pause);
}
// A slider that was dragged away and back says no change when it is let go, but its draft was heard.
const letGo = () => { if (state.moved && !state.timer) settle(); };

function row(card, part) {
  const { name, unit, step } = PARTS[part], [low, high] = limits(card, part);
  const label = `${name} of ${text(card.title)}, ${WORDS[unit]}`;
  const made = html(`<div class="card-row">
    <span class="card-part" aria-hidden="true">${name}</span>
    <span class="card-track"><input type="range" min="${low}" max="${high}" step="${step}" aria-label="${label}"></span>
    <input type="number" class="card-number" min="${low}" max="${high}" step="${step}" aria-label="${label}, exactly">
    <span class="card-unit" aria-hidden="true">${unit}</span></div>`);
  const range = made.querySelector("[type=range]"), number = made.querySelector("[type=number]");
  if (part === 0) {
    const place = (value) => `${(100 * (value - low)) / (high - low)}%`;
    const track = made.querySelector(".card-track");
    track.style.setProperty("--band-start", place(card.band[0]));
    track.style.setProperty("--band-end", place(card.band[1]));
    track.style.setProperty("--zero", place(0));
    track.classList.add("has-band");
  }
  const move = (value) => {
    if (!Number.isFinite(value)) return;
    state.values[card.id] = state.values[card.id] || [...REST];
    state.values[card.id][part] = Math.min(high, Math.max(low, value));
    state.moved = true;
    show(card.id);
  };
  ["pointerup", "pointercancel", "blur"].forEach((name) => range.addEventListener(name, letGo));
  range.addEventListener("pointerdown", () => { state.pointer = true; });
  range.addEventListener("keydown", () => { state.pointer = false; });
  range.addEventListener("input", () => { move(range.valueAsNumber); wantDraft(); });
  range.addEventListener("change", () => settle(state.pointer ? 0 : KEYBOARD_PAUSE_MS));
  range.addEventListener("dblclick", () => { move(REST[part]); settle(); });
  // What is being typed is not overwritten by the answer to an earlier step.
  number.addEventListener("input", () => { number.dataset.typing = "yes"; });
  number.addEventListener("blur", () => { delete number.dataset.typing; show(card.id); });
  number.addEventListener("change", () => { delete number.dataset.typing; move(number.valueAsNumber); settle(); });
  made.dataset.part = part;
  return made;
}

function build(card) {
  const name = text(card.name), title = text(card.title);
  const made = html(`<section class="prosody-card" aria-label="${title}">
    <div class="card-head">
      <h3>${name}</h3><span class="card-tag">${text(card.tag)}</span>
      <button type="button" class="card-lock" aria-pressed="false" aria-label="Lock ${title}">Lock</button>
      <button type="button" class="card-reset" aria-label="Reset ${title}">Reset</button>
    </div>
    <p class="card-plain">${text(card.plain)}</p>
    <div class="card-rows"></div>
    <div class="card-listen" role="group" aria-label="Listen to ${title} at">
      ${SIGMAS.map((sigma, i) => `<button type="button" data-place="${i}">▶ ${sigma > 0 ? "+" : ""}${String(sigma).replace("-", "−")} σ</button>`).join("")}
      <span class="card-busy" role="status"></span>
      <button type="button" class="card-open" aria-expanded="false" aria-label="More about ${title}">More</button>
    </div>
    <p class="card-effect" role="status"></p>
    <div class="card-more" hidden><div class="card-rows"></div>
    <p class="card-evidence">${card.expected ? `Expected: ${text(card.expected)}. Play it to measure your clip.` : ""}</p>
    <p class="card-evidence">${text(card.evidence)}</p><p class="card-evidence">${text(card.basis)}.</p></div></section>`);
  made.dataset.card = card.id;
  const [main, more] = made.querySelectorAll(".card-rows");
  main.append(row(card, 0));
  more.append(row(card, 1), row(card, 2));
  const open = made.querySelector(".card-open");
  open.addEventListener("click", () => {
    const hidden = made.querySelector(".card-more").toggleAttribute("hidden");
    open.setAttribute("aria-expanded", String(!hidden));
    open.textContent = hidden ? "More" : "Less";
  });
  made.querySelector(".card-reset").addEventListener("click", () => { reset([card.id]); });
  made.querySelector(".card-lock").addEventListener("click", () => {
    if (!state.locked.delete(card.id)) state.locked.add(card.id);
    show(card.id);
  });
  made.querySelectorAll("[data-place]").forEach((button) => button.addEventListener("click", () => {
    const place = Number(button.dataset.place), clips = state.clips.get(card.id);
    if (clips) { play(card, clips, place); return; }
    state.wish = { card: card.id, place };
    made.querySelector(".card-busy").textContent = "Making all three";
    send("select", { audition: card.id, token: ++state.token });
  }));
  return made;
}

function play(card, clips, place) {
  const label = `${card.title} at ${SIGMAS[place] > 0 ? "+" : ""}${SIGMAS[place]} σ`;
  document.dispatchEvent(new CustomEvent("undertone:play", { detail: { samples: clips[place], label } }));
  list.querySelectorAll("[data-place]").forEach((button) => button.classList.remove("is-on"));
  find(card.id).querySelector(`[data-place="${place}"]`).classList.add("is-on");
}
document.addEventListener("undertone:audition", (event) => {
  const found = event.detail;
  if (!found) return;
  const wish = state.wish;
  quiet();
  const card = cards().find((other) => other.id === found.card);
  if (!card || !found.clips) return;
  state.clips.set(card.id, found.clips);
  find(card.id).querySelector(".card-effect").textContent = found.effect || "";
  find(card.id).dataset.heard = found.clips.map((clip) => clip.length).join(" ");
  if (wish && wish.card === card.id) play(card, found.clips, wish.place);
});

// A phone shows the four cards that matter most, and those that were moved, until all are asked for.
const all = element.querySelector(".card-all");
all.addEventListener("click", () => { list.classList.remove("is-folded"); all.hidden = true; list.children[4]?.querySelector("input").focus(); });
const find = (id) => [...list.children].find((child) => child.dataset.card === id);

function show(id) {
  const card = find(id), values = state.values[id] || REST, locked = state.locked.has(id);
  if (!card) return;
  card.querySelectorAll(".card-row").forEach((line) => {
    const value = values[Number(line.dataset.part)];
    line.querySelectorAll("input").forEach((input) => {
      input.disabled = locked;
      if (input.valueAsNumber !== value && !input.dataset.typing) input.value = value;
    });
  });
  card.classList.toggle("is-moved", values.some((value, part) => value !== REST[part]));
  card.classList.toggle("is-locked", locked);
  const lock = card.querySelector(".card-lock");
  lock.setAttribute("aria-pressed", String(locked));
  lock.textContent = locked ? "Locked" : "Lock";
}

function reset(ids) {
  ids.filter((id) => !state.locked.has(id)).forEach((id) => { state.values[id] = [...REST]; show(id); });
  settle();
}
element.querySelector(".card-reset-all").addEventListener("click", () => reset(cards().map((card) => card.id)));
element.querySelector(".card-surprise").addEventListener("click", () => {
  cards().filter((card) => !state.locked.has(card.id)).forEach((card) => {
    const [low, high] = card.band, shift = low + Math.random() * (high - low);
    state.values[card.id] = [Math.round(10 * shift) / 10, 1, 0];
    show(card.id);
  });
  settle();
});

const morph = element.querySelector(".card-morph"), amount = morph.querySelector("[type=range]");
const percent = morph.querySelector("output");
const showMorph = () => {
  morph.hidden = state.morph === null;
  if (state.morph === null) return;
  amount.value = state.morph;
  percent.textContent = `${Math.round(100 * state.morph)} %`;
};
amount.addEventListener("pointerdown", () => { state.pointer = true; });
amount.addEventListener("keydown", () => { state.pointer = false; });
["pointerup", "pointercancel", "blur"].forEach((name) => amount.addEventListener(name, letGo));
amount.addEventListener("input", () => { state.morph = amount.valueAsNumber; state.moved = true; showMorph(); wantDraft(); });
amount.addEventListener("change", () => settle(state.pointer ? 0 : KEYBOARD_PAUSE_MS));

// Control-Z and its opposite press the page's own buttons, unless a text field has the focus.
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || !["z", "y"].includes(event.key.toLowerCase())) return;
  if (document.activeElement.matches("input:not([type=range]), textarea") || !element.isConnected) return;
  event.preventDefault();
  const redo = event.shiftKey || event.key.toLowerCase() === "y";
  document.querySelector(redo ? "#redo" : "#undo")?.click();
});

function update() {
  const value = props.value;
  if (!value || value.revision <= state.revision) return; // answers may come in another order
  state.revision = value.revision;
  const other = value.session !== state.session;
  if (other) {
    clearTimeout(state.timer);
    Object.assign(state, { timer: null, moved: false, released: 0, unsent: [], session: value.session });
  }
  if (other || value.edit_state !== state.editState) state.clips.clear();
  if (other) list.querySelectorAll(".card-effect").forEach((effect) => { effect.textContent = ""; });
  state.editState = value.edit_state;
  if (value.idle) quiet();
  state.answered = value.sequence;
  const layout = JSON.stringify(value.cards);
  if (layout !== state.cards) {
    state.cards = layout;
    state.locked.clear();
    list.replaceChildren(...value.cards.map(build));
    all.textContent = `Show all ${value.cards.length} cards`;
    all.hidden = value.cards.length < 5 || !list.classList.contains("is-folded");
  }
  if (!state.moved && !state.unsent.length && !isUnanswered()) {
    state.values = copy(value.values);
    state.morph = value.morph;
  } else if (value.morph === null || state.morph === null) state.morph = value.morph;
  value.cards.forEach((card) => show(card.id));
  showMorph();
  chips.replaceChildren(...value.range_edits.map((label) => {
    const chip = html(`<button type="button" class="card-chip" aria-label="Remove ${text(label)}">${text(label)} ✕</button>`);
    chip.addEventListener("click", () => send("delete", { label }));
    return chip;
  }));
  element.dataset.revision = value.revision;
  sendWaiting();
}
watch("value", update);
update();
