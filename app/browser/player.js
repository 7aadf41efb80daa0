// Sound that is heard while it is made.

export class LivePlayer {
  /** Made by a press of a button: browsers are silent until there was one. */
  constructor(rateHz) {
    this.context = new AudioContext({ sampleRate: rateHz });
    this.end = 0; // when what was given so far has been played, in seconds of the context's clock
  }

  /** Play samples behind those given before, or at once where these have ended. */
  add(samples) {
    if (!samples.length || this.context.state === "closed") return;
    const buffer = this.context.createBuffer(1, samples.length, this.context.sampleRate);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.context.destination);
    this.end = Math.max(this.end, this.context.currentTime);
    source.start(this.end);
    this.end += buffer.duration;
  }

  stop() { if (this.context.state !== "closed") this.context.close(); }
}
