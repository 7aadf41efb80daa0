// Words that were chosen, their phones, and what can be done to them. The value is {owner, session, actions}. A word that
// is pressed is chosen, with Shift all up to it; a phone alone can be chosen too. The choice is the figure's time range.
// The event `select` carries {action, start, end, session}, with times in seconds of the speech before any change.
const tool = element.querySelector(".word-tool"), phones = element.querySelector(".word-phones");
const buttons = [...element.querySelectorAll("[data-action]")];
const state = { range: null, anchor: null, quiet: false };

function choose(range) {
  state.range = range;
  tool.hidden = !range;
  state.quiet = true; // the range comes back as an event
  document.dispatchEvent(new CustomEvent("undertone:typed-range", { detail: range || [null, null] }));
  state.quiet = false;
  document.dispatchEvent(new CustomEvent("undertone:chosen-words", { detail: range }));
}

function showPhones(word) {
  phones.replaceChildren(`${word.text}: `, ...word.phones.flatMap(([name, start, end]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", `Phone ${name}, ${start.toFixed(2)} to ${end.toFixed(2)} s`);
    button.addEventListener("click", () => {
      const was = button.getAttribute("aria-pressed") === "true";
      phones.querySelectorAll("button").forEach((other) => other.setAttribute("aria-pressed", String(other === button && !was)));
      state.anchor = word;
      choose(was ? [word.start, word.end] : [start, end]);
    });
    return [button, " "];
  }));
}

document.addEventListener("undertone:word", ({ detail }) => {
  if (!props.value || detail.owner !== props.value.owner) return;
  if (detail.extend && state.anchor) {
    phones.textContent = "";
    choose([Math.min(state.anchor.start, detail.start), Math.max(state.anchor.end, detail.end)]);
    return;
  }
  const same = state.range && state.range[0] === detail.start && state.range[1] === detail.end;
  state.anchor = same ? null : detail;
  if (same) { choose(null); return; }
  showPhones(detail);
  choose([detail.start, detail.end]);
});
// Another range was dragged or typed: no word is chosen any more.
document.addEventListener("undertone:range", ({ detail }) => {
  if (state.quiet || !state.range || (detail && detail[0] === state.range[0] && detail[1] === state.range[1])) return;
  Object.assign(state, { range: null, anchor: null });
  tool.hidden = true;
  document.dispatchEvent(new CustomEvent("undertone:chosen-words", { detail: null }));
});
buttons.forEach((button) => button.addEventListener("click", () => {
  if (!state.range || !props.value) return;
  const [start, end] = state.range;
  trigger("select", { action: button.dataset.action, start, end, session: props.value.session });
}));
function update() {
  const actions = props.value?.actions || [];
  buttons.forEach((button) => { button.hidden = !actions.includes(button.dataset.action); });
  if (!props.value && state.range) choose(null);
}
watch("value", update);
update();
