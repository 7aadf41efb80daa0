// Small helpers: elements made without HTML strings, so that no text of a study is ever read as markup.
const byId = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.startsWith("aria")) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const paragraphs = (text) => text.split(/\n\s*\n/).filter(Boolean).map((part) => make("p", {}, part.trim()));
const button = (text, onclick, kind = "primary") => make("button", { type: "button", className: `button ${kind}`, onclick }, text);

// Shows a section of the page: the heading gets the focus, so that it is read out and the keyboard starts there.
function show(heading, ...content) {
  const title = make("h1", { id: "heading", tabIndex: -1 }, heading);
  byId("card").replaceChildren(title, ...content.flat().filter(Boolean));
  byId("card").setAttribute("aria-busy", "false");
  window.scrollTo(0, 0);
  title.focus({ preventScroll: true });
}

// A message under what caused it; problems are announced at once.
function note(text, tone = "problem") {
  const known = byId("note");
  const role = tone === "problem" ? "alert" : "status";
  const fresh = make("p", { id: "note", className: `note note-${tone}`, role }, text);
  if (known) known.replaceWith(fresh);
  else byId("card").append(fresh);
}
const clearNote = () => byId("note")?.remove();

// Said by a screen reader, not shown.
const say = (text) => { byId("said").textContent = text; };

function setDisabled(element, disabled) {
  element.setAttribute("aria-disabled", String(disabled));
}
const isDisabled = (element) => element.getAttribute("aria-disabled") === "true";
