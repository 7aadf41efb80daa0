// Drag over the figure to choose a time range, and see where the player is. Plotly keeps its zoom for the other mode.
// The value is {axes, seconds}: the card drawn on each y axis. The event `select` carries {start, end, card}.
const modes = [...element.querySelectorAll("[data-mode]")], caption = element.querySelector(".range-caption");
const state = { mode: "select", drag: null, range: null, head: null };
const figure = () => document.querySelector("#prosody-figure");
const plot = () => figure() && figure().querySelector(".js-plotly-plot");
const areas = () => (plot() ? [...plot().querySelectorAll(".draglayer .nsewdrag")] : []);

function mark(name) {
  const box = figure();
  if (!box) return null;
  let found = box.querySelector(`.${name}`);
  if (!found) { found = document.createElement("div"); found.className = name; box.append(found); }
  return found;
}

function visibleRange() {
  const layout = plot() && plot()._fullLayout;
  return layout && layout.xaxis ? layout.xaxis.range.map(Number) : null;
}

// Pixels from the figure's left edge of a time, and the vertical stretch that the panels take.
function frame() {
  const range = visibleRange(), boxes = areas().map((area) => area.getBoundingClientRect()), box = figure()?.getBoundingClientRect();
  if (!range || !boxes.length || !box || !boxes[0].width) return null;
  const top = Math.min(...boxes.map((b) => b.top)) - box.top, bottom = Math.max(...boxes.map((b) => b.bottom)) - box.top;
  const left = boxes[0].left - box.left, width = boxes[0].width;
  const x = (time) => left + (width * (Math.min(range[1], Math.max(range[0], time)) - range[0])) / (range[1] - range[0]);
  const time = (clientX) => range[0] + ((range[1] - range[0]) * Math.min(1, Math.max(0, (clientX - box.left - left) / width)));
  return { x, time, top, bottom, range };
}

function draw() {
  const selection = mark("range-mark"), head = mark("range-head"), place = frame();
  if (!selection) return;
  selection.hidden = !place || !state.range;
  if (place && state.range) {
    const [start, end] = state.range.map(place.x);
    Object.assign(selection.style, { left: `${start}px`, width: `${Math.max(1, end - start)}px`, top: `${place.top}px`, height: `${place.bottom - place.top}px` });
  }
  head.hidden = !place || state.head === null || state.head > place.range[1] || state.head < place.range[0];
  if (!head.hidden) Object.assign(head.style, { left: `${place.x(state.head)}px`, top: `${place.top}px`, height: `${place.bottom - place.top}px` });
}

function setRange(range) {
  state.range = range && range[1] > range[0] ? range : null;
  caption.textContent = state.range
    ? `${state.range[0].toFixed(2)} to ${state.range[1].toFixed(2)} s`
    : "Drag over the figure to choose a time range.";
  document.dispatchEvent(new CustomEvent("undertone:range", { detail: state.range }));
  draw();
}

function areaAt(event) {
  return areas().find((area) => {
    const box = area.getBoundingClientRect();
    return event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
  });
}

const inFigure = (event) => state.mode === "select" && figure() && figure().contains(event.target) && areaAt(event);
// Plotly starts its zoom from these two; pointer events, which come before them, choose the range instead.
["mousedown", "touchstart"].forEach((name) => document.addEventListener(name, (event) => {
  if (state.mode === "select" && figure()?.contains(event.target) && event.target.closest(".draglayer")) event.stopPropagation();
}, { capture: true, passive: true }));
document.addEventListener("pointerdown", (event) => {
  const area = event.button === 0 && inFigure(event), place = frame();
  if (!area || !place) return;
  const axis = (area.dataset.subplot || "xy").replace(/^x\d*/, "");
  state.drag = { from: place.time(event.clientX), x: event.clientX, axis, id: event.pointerId };
}, { capture: true });
document.addEventListener("pointermove", (event) => {
  const place = frame();
  if (!state.drag || event.pointerId !== state.drag.id || !place) return;
  if (Math.abs(event.clientX - state.drag.x) < 4 && !state.drag.moved) return;
  state.drag.moved = true;
  const ends = [state.drag.from, place.time(event.clientX)].sort((a, b) => a - b);
  setRange(ends.map((time) => Math.round(50 * time) / 50));
});
document.addEventListener("pointerup", () => {
  const drag = state.drag;
  state.drag = null;
  if (!drag) return;
  if (!drag.moved) { setRange(null); trigger("select", { start: null, end: null, card: null }); return; }
  if (!state.range) return;
  const axes = (props.value && props.value.axes) || {};
  trigger("select", { start: state.range[0], end: state.range[1], card: axes[drag.axis] || null });
});
document.addEventListener("pointercancel", () => { state.drag = null; });

modes.forEach((button) => button.addEventListener("click", () => {
  state.mode = button.dataset.mode;
  modes.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
  figure()?.classList.toggle("is-zooming", state.mode === "zoom");
}));
document.addEventListener("undertone:playhead", ({ detail }) => { state.head = detail; draw(); });
document.addEventListener("undertone:typed-range", ({ detail }) => {
  const [start, end] = detail;
  if (!state.drag) setRange(end === null || end === undefined ? null : [Number(start) || 0, Number(end)]);
});
document.addEventListener("undertone:source", () => setRange(null));
setInterval(draw, 300); // the figure is drawn anew, zoomed or resized
setRange(null);
