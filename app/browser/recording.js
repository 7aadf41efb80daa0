// A recording from the microphone or a file, as float samples at the model's rate.

import { mixDown, PromptError } from "./prompt.js";

const MOST_BYTES = 50_000_000;
const NO_MICROPHONE = {
  NotAllowedError: "The browser may not use the microphone. Allow it in the address bar, or upload a file.",
  NotFoundError: "There is no microphone. Connect one and press Record again, or upload a file.",
  NotReadableError: "The microphone is used by another program. Close it there, or upload a file.",
  none: "This browser cannot record. Upload a file, or use a current Firefox, Chrome, Edge or Safari.",
  insecure: "Browsers record only on https:// and on this computer itself. Open the page with https://, or upload a file.",
};

/** Return the samples of a file that the browser can decode, at `rateHz`. */
export async function decode(blob, rateHz) {
  if (blob.size === 0) throw new PromptError("The file is empty: 0 bytes. Record or export it again.");
  if (blob.size > MOST_BYTES) throw new PromptError(`The file is larger than ${MOST_BYTES / 1e6} MB. Cut it first.`);
  let buffer;
  try {
    buffer = await new OfflineAudioContext(1, 1, rateHz).decodeAudioData(await blob.arrayBuffer());
  } catch {
    throw new PromptError("This browser cannot read the file as sound. Use wav, flac, mp3, or m4a.");
  }
  return mixDown(Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i)));
}

/** Recording from the microphone that ends after `seconds`, or when `stop` is called. */
export class Recorder {
  constructor(seconds, onTime) { Object.assign(this, { seconds, onTime }); }

  /** Record; returns the recording as a blob. */
  async record() {
    if (!window.isSecureContext) throw new PromptError(NO_MICROPHONE.insecure);
    if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) throw new PromptError(NO_MICROPHONE.none);
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      throw new PromptError(NO_MICROPHONE[error.name] || `Recording failed: ${error.message}`);
    }
    try {
      return await this.#recorded(stream);
    } finally {
      stream.getTracks().forEach((track) => track.stop());
    }
  }

  stop() { if (this.recorder?.state === "recording") this.recorder.stop(); }

  async #recorded(stream) {
    const parts = [], recorder = (this.recorder = new MediaRecorder(stream));
    const ended = new Promise((resolve, reject) => {
      recorder.addEventListener("stop", resolve);
      recorder.addEventListener("error", (event) => reject(event.error));
    });
    recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
    const began = performance.now();
    const clock = setInterval(() => {
      const passed = (performance.now() - began) / 1000;
      this.onTime(passed);
      if (passed >= this.seconds) this.stop();
    }, 100);
    recorder.start();
    await ended.finally(() => clearInterval(clock));
    return new Blob(parts, { type: recorder.mimeType });
  }
}
