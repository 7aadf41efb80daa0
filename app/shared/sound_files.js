// Gradio's audio widget takes only files that the browser calls audio/*. Browsers call a recording in .webm, .mp4, .mov or
// .3gp a video and do not know .caf: such a file is given to the widget as audio, by its name. SOUND_SUFFIXES is what the
// engine reads, written in front of this script by app/site/application.py; what is in the file is for the engine to say.
const suffixOf = (file) => SOUND_SUFFIXES.find((suffix) => file.name.toLowerCase().endsWith(suffix));
const isMistyped = (file) => Boolean(suffixOf(file)) && !file.type.startsWith("audio/");
const asAudio = (files) => {
  const transfer = new DataTransfer();
  for (const file of files) {
    const kind = isMistyped(file) ? `audio/${suffixOf(file).slice(1)}` : file.type;
    transfer.items.add(new File([file], file.name, { type: kind, lastModified: file.lastModified }));
  }
  return transfer;
};
const isChooser = (target) => target.matches?.(".clip input[type=file]");

document.addEventListener("click", ({ target }) => { // the widget clicks its input to open the chooser
  if (isChooser(target)) target.accept = ["audio/*", ...SOUND_SUFFIXES].join(",");
}, true);

document.addEventListener("change", ({ target }) => {
  if (isChooser(target) && [...target.files].some(isMistyped)) target.files = asAudio(target.files).files;
}, true);

document.addEventListener("drop", (event) => {
  const files = [...(event.dataTransfer?.files ?? [])];
  if (!event.target.closest?.(".clip") || !files.some(isMistyped)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  event.target.dispatchEvent(
    new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: asAudio(files) }));
}, true);
