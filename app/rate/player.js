// Plays one clip from its first second to its last: no seeking before it was heard once, and never by itself.
const sounds = new Map();

// Fetched once, ahead if asked; the address is a blob of this page, without any name.
function fetchSound(id) {
  if (!sounds.has(id)) {
    const address = askUntilDone("GET", `audio/${encodeURIComponent(id)}`).then((blob) => URL.createObjectURL(blob));
    address.catch(() => sounds.delete(id));
    sounds.set(id, address);
  }
  return sounds.get(id);
}
function forgetSounds(keep) {
  for (const [id, address] of sounds) {
    if (keep.includes(id)) continue;
    sounds.delete(id);
    address.then((url) => URL.revokeObjectURL(url)).catch(() => {});
  }
}

class Player {
  // options: heard (before), plays (before), maxReplays, onheard, name; label, where a page has several.
  constructor(sound, options) {
    Object.assign(this, { sound, heard: false, plays: 0, maxReplays: null, name: t("the clip"), label: "", onheard: () => {}, ...options });
    this.before = this.heard;
    this.hiddenSeconds = 0;
    this.audio = new Audio();
    this.audio.preload = "auto";
    this.toggle = make("button", { type: "button", className: "button primary play", id: this.label ? undefined : "play", onclick: () => this.press() });
    this.bar = make("progress", { max: 1, value: 0, "aria-label": t("How far {name} has played", { name: this.name }) });
    this.seek = make("input", { type: "range", min: 0, max: 1, step: 0.001, value: 0, hidden: true, "aria-label": t("Position in {name}", { name: this.name }),
      oninput: () => { if (this.audio.duration) this.audio.currentTime = this.seek.value * this.audio.duration; } });
    this.element = make("div", { className: "player" }, this.toggle, this.bar, this.seek);
    this.listen();
    this.update();
    this.load();
  }

  load() {
    this.failed = false;
    this.loading = fetchSound(this.sound).then((url) => { this.audio.src = url; this.update(); }).catch((refusal) => this.fail(refusal.message));
  }

  // What came is no sound, or none came: it is fetched afresh when asked, not taken again from this page's memory.
  fail(text) {
    sounds.delete(this.sound);
    this.audio.removeAttribute("src");
    this.failed = true;
    note(text);
    this.update();
  }

  listen() {
    const on = (name, action) => this.audio.addEventListener(name, () => { action?.(); this.update(); });
    on("play"); on("pause"); on("timeupdate"); on("loadedmetadata");
    on("ended", () => this.end());
    on("error", () => { if (this.audio.getAttribute("src")) this.fail(t("This clip did not arrive whole. Press “Load again”; your answers are kept.")); });
    this.watch = () => {
      if (document.hidden && this.playing) this.hiddenSince = performance.now();
      else this.countHidden();
    };
    document.addEventListener("visibilitychange", this.watch);
  }

  get playing() { return !this.audio.paused && !this.audio.ended; }
  get listened() { return Array.from({ length: this.audio.played.length }, (_, i) => [this.audio.played.start(i), this.audio.played.end(i)]); }
  get spent() { return this.maxReplays !== null && this.plays > this.maxReplays; }

  countHidden() {
    if (this.hiddenSince !== undefined) this.hiddenSeconds += (performance.now() - this.hiddenSince) / 1000;
    this.hiddenSince = undefined;
  }

  report() { return { trial: this.sound, listened: this.listened, plays: this.plays, hidden_seconds: this.hiddenSeconds }; }

  async press() {
    if (isDisabled(this.toggle)) return;
    if (this.failed) { clearNote(); this.load(); this.update(); return; }
    if (this.playing) { this.audio.pause(); return; }
    await this.loading;
    const fresh = this.audio.ended || this.audio.currentTime === 0;
    if (fresh) { this.audio.currentTime = 0; this.plays++; }
    try {
      await this.audio.play();
    } catch (error) {
      if (fresh) this.plays--;
      if (error.name !== "AbortError") note(t("Your browser did not start the sound. Check that sound is allowed here, then press Play again."));
    }
  }

  end() {
    this.countHidden();
    const seconds = this.listened.reduce((sum, [start, end]) => sum + end - start, 0);
    if (!this.heard && seconds >= 0.98 * this.audio.duration) {
      this.heard = true;
      this.onheard();
    }
  }

  // What the button does now, with the clip's name where a page has several.
  does(done) {
    const name = this.label;
    if (this.playing) return name ? t("❚❚ Pause {name}", { name }) : t("❚❚ Pause");
    if (done) return name ? t("Played {name}", { name }) : t("Played");
    if (this.heard) return name ? t("▶ Play {name} again", { name }) : t("▶ Play again");
    return name ? t("▶ Play {name}", { name }) : t("▶ Play");
  }

  update() {
    const { audio, toggle } = this;
    const ready = Boolean(audio.src);
    const done = this.heard && this.spent && !this.playing && (audio.ended || audio.currentTime === 0);
    setDisabled(toggle, (!ready && !this.failed) || done);
    toggle.textContent = this.failed ? t("Load again") : !ready ? t("Loading …") : this.does(done);
    const share = audio.duration ? audio.currentTime / audio.duration : 0;
    this.bar.value = share;
    this.seek.hidden = !this.heard || this.spent || !audio.duration;
    this.bar.hidden = !this.seek.hidden;
    if (document.activeElement !== this.seek) this.seek.value = share;
  }

  close() {
    this.audio.pause();
    this.audio.removeAttribute("src");
    document.removeEventListener("visibilitychange", this.watch);
  }
}
