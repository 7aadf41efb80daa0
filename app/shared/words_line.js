// Words in lines: text that can be selected, and pressed word by word. The value is {owner, chosen, lines}: the sound's
// name, whether a pressed word stays chosen, and lines of {label, words: {text, start, end, weak, phones}}. One word of a
// line is a stop of the Tab key; the arrow keys go on from it. The word that sounds is marked.
const lines = element.querySelector(".words-lines"), note = element.querySelector(".words-note");
const state = { words: [] };

function press(at, extend) {
  const { word } = state.words[at], value = props.value;
  document.dispatchEvent(new CustomEvent("undertone:word", { detail: { ...word, owner: value.owner, extend } }));
}

function focusWord(at) {
  if (!state.words[at]) return;
  const { span, line } = state.words[at];
  state.words.filter((one) => one.line === line).forEach((one) => { one.span.tabIndex = one.span === span ? 0 : -1; });
  span.focus();
}

function makeWord(word, line, first) {
  const span = document.createElement("span"), at = state.words.length;
  span.className = word.weak ? "word is-weak" : "word";
  span.setAttribute("role", "button");
  span.setAttribute("title", `${word.start.toFixed(2)} to ${word.end.toFixed(2)} s: ${word.phones.map((phone) => phone[0]).join(" ")}`);
  if (props.value.chosen) span.setAttribute("aria-pressed", "false");
  span.tabIndex = first ? 0 : -1;
  span.textContent = word.text;
  span.addEventListener("click", (event) => { if (getSelection().isCollapsed || event.shiftKey) press(at, event.shiftKey); });
  span.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) { event.preventDefault(); focusWord(at + step); if (event.shiftKey && state.words[at + step]) press(at + step, true); }
    else if (event.key === "Enter" || event.key === " ") { event.preventDefault(); press(at, event.shiftKey); }
  });
  state.words.push({ span, word, line });
  return span;
}

function makeLine(line) {
  const made = document.createElement("p"), label = document.createElement("span");
  label.className = "words-label";
  label.textContent = `${line.label}: `;
  made.append(label);
  line.words.forEach((word, place) => made.append(makeWord(word, made, place === 0), " "));
  return made;
}

function update() {
  const value = props.value;
  state.words = [];
  lines.replaceChildren(...(value ? value.lines.map(makeLine) : []));
  element.hidden = note.hidden = !state.words.length;
}

function mark(seconds) {
  state.words.forEach(({ span, word }) => span.classList.toggle("is-sounding", seconds >= word.start && seconds < word.end));
}
document.addEventListener("undertone:position", ({ detail }) => {
  if (props.value && detail.take === props.value.owner) mark(detail.playing ? detail.seconds : -1);
});
document.addEventListener("undertone:chosen-words", ({ detail }) => { // [start, end] in seconds, or null
  if (!props.value?.chosen) return;
  state.words.forEach(({ span, word }) => span.setAttribute("aria-pressed",
    String(Boolean(detail) && word.start >= detail[0] - 0.001 && word.end <= detail[1] + 0.001)));
});
watch("value", update);
update();
