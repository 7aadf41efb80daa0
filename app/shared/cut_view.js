// The waveform of the visitor's clip with the part that is taken: drag it, or move the two sliders below.
// `element`, `props`, `trigger` and `watch` come from gr.HTML. The value is {url, seconds, peaks, start, length, noun}.
const find = (name) => element.querySelector(name);
const wave = find(".cut-wave"), selection = find(".cut-selection"), surface = find(".cut-surface");
const play = find(".cut-play"), caption = find(".cut-caption");
const sound = new Audio();
let cut = { start: 0, length: 3 }, drag = null, stopAt = 0;

const seconds = () => (props.value && props.value.seconds) || 0;
const noun = () => (props.value && props.value.noun) || "prompt";

function drawWave() {
  const peaks = (props.value && props.value.peaks) || [];
  const step = 1000 / Math.max(1, peaks.length);
  wave.setAttribute("d", peaks.map((peak, i) => {
    const height = Math.max(0.6, (peak / 127) * 48);
    return `M${((i + 0.5) * step).toFixed(1)} ${(50 - height).toFixed(1)}V${(50 + height).toFixed(1)}`;
  }).join(""));
  wave.style.strokeWidth = `${Math.max(0.8, step * 0.62)}px`;
}

function drawCut() {
  const total = seconds() || 1;
  const end = Math.min(cut.start + cut.length, total);
  selection.setAttribute("x", (1000 * cut.start) / total);
  selection.setAttribute("width", (1000 * Math.max(0, end - cut.start)) / total);
  caption.textContent = seconds()
    ? `${noun()[0].toUpperCase()}${noun().slice(1)}: ${cut.start.toFixed(1)} to ${end.toFixed(1)} s of ${total.toFixed(1)} s`
    : "";
}

function load() {
  stop();
  const value = props.value;
  element.classList.toggle("is-empty", !value);
  if (!value) { sound.removeAttribute("src"); drawWave(); drawCut(); return; }
  cut = { start: value.start, length: value.length };
  sound.src = value.url;
  drawWave();
  drawCut();
}

function stop() {
  sound.pause();
  play.textContent = `Play the ${noun()}`;
}

play.addEventListener("click", () => {
  if (!sound.paused) { stop(); return; }
  stopAt = cut.start + cut.length;
  sound.currentTime = cut.start;
  play.textContent = "Stop";
  sound.play().catch((error) => {
    stop();
    if (error.name === "NotSupportedError") // what a phone or a Mac writes and this browser does not know
      caption.textContent = `This browser cannot play the file. The ${noun()} is used all the same.`;
  });
});
sound.addEventListener("timeupdate", () => { if (sound.currentTime >= stopAt) stop(); });
sound.addEventListener("ended", stop);

function timeAt(event) {
  const box = surface.getBoundingClientRect();
  return (Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))) * seconds();
}

surface.addEventListener("pointerdown", (event) => {
  if (!seconds()) return;
  const time = timeAt(event), end = cut.start + cut.length;
  const near = (14 / surface.getBoundingClientRect().width) * seconds();
  if (Math.abs(time - cut.start) < near) drag = { kind: "start", end };
  else if (Math.abs(time - end) < near) drag = { kind: "end" };
  else {
    if (time < cut.start || time > end) cut.start = Math.min(time, Math.max(0, seconds() - cut.length));
    drag = { kind: "move", grab: time - cut.start };
  }
  surface.setPointerCapture(event.pointerId);
  move(event);
});

function move(event) {
  if (!drag) return;
  const time = timeAt(event), least = Math.min(props.value.min_length, seconds()), most = props.value.max_length;
  if (drag.kind === "start") {
    cut.start = Math.max(0, drag.end - most, Math.min(time, drag.end - least));
    cut.length = drag.end - cut.start;
  } else if (drag.kind === "end") {
    cut.length = Math.min(most, seconds() - cut.start, Math.max(least, time - cut.start));
  } else {
    cut.start = Math.min(Math.max(0, time - drag.grab), Math.max(0, seconds() - cut.length));
  }
  drawCut();
}

surface.addEventListener("pointermove", move);
surface.addEventListener("pointerup", () => {
  if (!drag) return;
  drag = null;
  trigger("select", { start: Math.round(cut.start * 10) / 10, length: Math.round(cut.length * 10) / 10 });
});

document.addEventListener("undertone:cut", (event) => {
  const [start, length, view] = event.detail;
  if (drag || !element.closest(`#${view}`)) return;
  cut = { start: Number(start), length: Number(length) };
  drawCut();
});

watch("value", load);
load();
