// What Gradio's recorder does not say: that there is no microphone, how long one has been speaking, and, before a page
// with a clip or takes is left or loaded again, that they would be lost.
const sayUnderClip = (clip, text) => {
  let note = clip.querySelector(".clip-said");
  if (!note) {
    note = Object.assign(document.createElement("p"), { className: "clip-said note note-warning" });
    note.setAttribute("role", "status");
    clip.append(note);
  }
  note.textContent = text;
  note.hidden = !text;
};
const NO_MICROPHONE = {
  NotAllowedError: "The browser may not use the microphone. Allow it in the address bar, or upload a file.",
  NotFoundError: "There is no microphone. Connect one and press Record again, or upload a file.",
  NotReadableError: "The microphone is used by another program. Close it there, or upload a file.",
  insecure: "Browsers record only on https:// and on this computer itself. Open the page with https://, or upload a file.",
};
document.addEventListener("click", async (event) => {
  const { target } = event;
  const button = target.closest?.(".record-button"), clip = button?.closest(".clip");
  if (!clip) return;
  if (button.dataset.allowed) { delete button.dataset.allowed; return; } // pressed again below: the recorder's turn
  event.preventDefault();
  event.stopImmediatePropagation();
  sayUnderClip(clip, "");
  if (!navigator.mediaDevices?.getUserMedia) { sayUnderClip(clip, NO_MICROPHONE.insecure); return; }
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    stream.getTracks().forEach((track) => track.stop());
    button.dataset.allowed = "yes";
    button.click();
  } catch (error) { sayUnderClip(clip, NO_MICROPHONE[error.name] || `Recording failed: ${error.message}`); }
}, true);

setInterval(() => {
  document.querySelectorAll(".clip").forEach((clip) => {
    const stop = [...clip.querySelectorAll(".stop-button, .stop-button-paused")].find((one) => one.getClientRects().length);
    let clock = clip.querySelector(".clip-clock");
    if (!stop) { clock?.remove(); return; }
    if (!clock) {
      clock = Object.assign(document.createElement("span"), { className: "clip-clock" });
      Object.assign(clock.dataset, { elapsed: "0", seen: String(Date.now()) });
      stop.after(clock);
    }
    const { elapsed, seen } = clock.dataset, paused = stop.matches(".stop-button-paused");
    const total = Number(elapsed) + (paused ? 0 : Date.now() - Number(seen));
    Object.assign(clock.dataset, { elapsed: String(total), seen: String(Date.now()) });
    clock.textContent = `${Math.floor(total / 1000)} s`;
  });
}, 250);

const hasSomething = () => [...document.querySelectorAll(".take-card, #editor, .cut")].some(
  (part) => part.getClientRects().length > 0);
window.addEventListener("beforeunload", (event) => {
  if (hasSomething()) { event.preventDefault(); event.returnValue = ""; }
});
