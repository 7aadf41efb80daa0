// A line over the figure where the sound is. The value is the name of the take that the figure shows.
// Only the line is moved: Plotly draws nothing. Where motion is to be reduced, it steps twice a second.
const STEP_SECONDS = 0.5, reduced = matchMedia("(prefers-reduced-motion: reduce)");
const line = Object.assign(document.createElement("div"), { className: "playhead", hidden: true });
line.setAttribute("aria-hidden", "true");
const state = { seconds: null, watched: new WeakSet(), resized: null };

const plot = () => document.querySelector("#figure .js-plotly-plot");

function place() {
  const graph = plot(), layout = graph?._fullLayout, axis = layout?.xaxis;
  const x = axis && state.seconds !== null ? axis.l2p(state.seconds) : NaN;
  line.hidden = !(x >= 0 && x <= axis._length);
  if (line.hidden) return;
  const host = graph.parentElement;
  if (line.parentElement !== host) host.append(line);
  if (getComputedStyle(host).position === "static") host.style.position = "relative";
  if (!state.watched.has(graph)) { // zoomed or resized while the sound stands still
    state.watched.add(graph);
    graph.on?.("plotly_afterplot", place);
  }
  const size = layout._size;
  line.style.top = `${graph.offsetTop + size.t}px`;
  line.style.height = `${size.h}px`;
  line.style.transform = `translateX(${graph.offsetLeft + axis._offset + x}px)`;
  line.dataset.seconds = state.seconds.toFixed(2);
}

document.addEventListener("undertone:position", ({ detail }) => {
  if (detail.take !== props.value) return;
  const still = reduced.matches && detail.playing && state.seconds !== null;
  if (still && Math.abs(detail.seconds - state.seconds) < STEP_SECONDS) return;
  state.seconds = detail.seconds;
  place();
});
watch("value", () => { state.seconds = null; place(); });
