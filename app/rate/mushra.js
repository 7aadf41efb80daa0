// MUSHRA: one position for all clips and the reference, switched between while it plays, and a slider for each clip.
// Decoded beforehand, as a clip that is switched to goes on at the same sample without a gap.
const arrived = new Map();
function fetchBytes(id) {
  if (!arrived.has(id)) {
    const bytes = askUntilDone("GET", `audio/${encodeURIComponent(id)}`).then((blob) => blob.arrayBuffer());
    bytes.catch(() => arrived.delete(id));
    arrived.set(id, bytes);
  }
  return arrived.get(id);
}

const WATCH_SECONDS = 0.1; // between two looks at the position

class Deck {
  // sounds: [{ id, name, heard, plays }], the reference first.
  constructor(sounds, onheard) {
    this.position = 0; // seconds, of all clips
    this.chosen = 0;
    this.onheard = onheard;
    this.context = new AudioContext();
    this.tracks = sounds.map((sound, index) => this.track(sound, index));
    this.timer = setInterval(() => this.watch(), 1000 * WATCH_SECONDS);
  }

  track(sound, index) {
    const track = { ...sound, stretches: [], hiddenSeconds: 0, audio: { pause: () => this.pause() } };
    track.toggle = make("button", { type: "button", className: "button switch", "aria-pressed": "false", onclick: () => this.choose(index) }, sound.name[0].toUpperCase() + sound.name.slice(1));
    track.loading = fetchBytes(sound.id).then((bytes) => this.context.decodeAudioData(bytes.slice(0)))
      .then((buffer) => { track.buffer = buffer; })
      .catch(() => { arrived.delete(sound.id); note(t("{name} did not arrive whole. Reload this page; your answers are kept.", { name: sound.name })); });
    track.report = () => ({ trial: sound.id, listened: track.stretches, plays: track.plays, hidden_seconds: track.hiddenSeconds });
    return track;
  }

  get playing() { return Boolean(this.source); }
  get seconds() { return this.tracks[this.chosen].buffer?.duration ?? 0; }

  async play() {
    const track = this.tracks[this.chosen];
    if (this.context.state !== "running") await this.context.resume().catch(() => {});
    await track.loading;
    if (!track.buffer || this.playing || track !== this.tracks[this.chosen]) return;
    if (this.position >= track.buffer.duration - 0.01) this.position = 0;
    if (this.position === 0) track.plays++;
    this.source = new AudioBufferSourceNode(this.context, { buffer: track.buffer });
    this.source.connect(this.context.destination);
    this.source.onended = () => this.ended();
    this.from = this.position;
    this.since = this.context.currentTime;
    this.source.start(0, this.position);
    this.onmove?.();
  }

  // Stops, and notes what was played since the start.
  pause() {
    if (!this.source) return;
    this.source.onended = null;
    this.source.stop();
    this.source = null;
    this.reach(this.from + this.context.currentTime - this.since);
    this.onmove?.();
  }

  ended() {
    this.source = null;
    this.reach(this.seconds);
    if (this.repeat) { this.position = 0; this.play(); }
    this.onmove?.();
  }

  // The clip was played from where it was started up to here.
  reach(position) {
    const track = this.tracks[this.chosen];
    this.position = Math.min(position, this.seconds);
    track.stretches = merged([...track.stretches, [this.from, this.position]]);
    const heard = track.stretches.reduce((sum, [start, end]) => sum + end - start, 0);
    if (!track.heard && heard >= 0.98 * this.seconds) { track.heard = true; this.onheard(track); }
  }

  watch() {
    if (!this.playing) return;
    if (document.hidden) this.tracks[this.chosen].hiddenSeconds += WATCH_SECONDS;
    this.reach(this.from + this.context.currentTime - this.since);
    this.onmove?.();
  }

  // The same position in another clip: what is compared is the same moment of the same sentence.
  choose(index) {
    this.pause();
    this.chosen = index;
    for (const [place, track] of this.tracks.entries()) track.toggle.setAttribute("aria-pressed", String(place === index));
    this.play();
  }

  close() { this.pause(); clearInterval(this.timer); this.context.close(); }
}

// Stretches in order, those that touch as one.
function merged(stretches) {
  const found = [];
  for (const [start, end] of [...stretches].sort((one, other) => one[0] - other[0])) {
    const last = found.at(-1);
    if (last && start <= last[1] + 0.01) last[1] = Math.max(last[1], end);
    else if (end > start) found.push([start, end]);
  }
  return found;
}

function showMushra(view) {
  const { set, scales } = view;
  const clips = set.clips.map((clip, index) => ({ id: clip.id, name: t("clip {number}", { number: index + 1 }), heard: clip.heard, plays: clip.plays }));
  const deck = new Deck([{ id: set.reference, name: t("reference"), heard: true, plays: 0 }, ...clips], (track) => {
    ask("POST", "heard", track.report()).catch(() => {});
    for (const question of questions) question.unlock();
    page.refresh();
  });
  closing.push(() => { deck.close(); player = null; });
  player = { press: () => (deck.playing ? deck.pause() : deck.play()), get playing() { return deck.playing; }, audio: { pause: () => deck.pause() } };
  const toggle = make("button", { type: "button", className: "button primary play", onclick: () => player.press() }, t("▶ Play"));
  const bar = make("progress", { max: 1, value: 0, "aria-label": t("Position in all clips") });
  const again = make("input", { type: "checkbox", onchange: () => { deck.repeat = again.checked; } });
  deck.onmove = () => {
    toggle.textContent = deck.playing ? t("❚❚ Pause") : t("▶ Play");
    bar.value = deck.seconds ? deck.position / deck.seconds : 0;
  };
  for (const id of arrived.keys()) if (!soundsOf(set).includes(id)) arrived.delete(id);
  deck.tracks[0].toggle.setAttribute("aria-pressed", "true");
  const tracks = deck.tracks.slice(1);
  const questions = scales.flatMap((scale) => tracks.map((track, index) => sliderBox(scale, track, set.clips[index])));
  const report = [
    make("div", { className: "player" }, toggle, bar),
    make("label", { className: "row small" }, again, make("span", {}, t("Begin again at the end"))),
    make("div", { className: "row", role: "group", "aria-label": t("What plays") }, ...deck.tracks.map((track) => track.toggle)),
  ];
  const page = setPage(view, {
    intro: scales.map((scale) => scale.question).join(" "), players: tracks, questions, report, digits: { afterAll: false }, fetchAhead: fetchBytes, keyWords: [deck.tracks.length, true],
  });
  keys.answer = (digit) => { if (deck.tracks[digit - 1]) deck.choose(digit - 1); };
  for (const question of questions) question.box.addEventListener("change", () => { clearNote(); page.refresh(); });
}

// One slider with its words; it stands nowhere until it is moved.
function sliderBox(scale, track, clip) {
  const known = clip.answers[scale.name];
  const words = scale.answers.filter((answer) => answer.label);
  const worded = (value) => `${value}, ${words.filter((answer) => answer.value <= value).at(-1)?.label ?? ""}`;
  const label = t("{title} of {name}", { title: scale.title, name: track.name });
  const shown = make("output", {}, known === undefined ? "–" : known);
  const state = make("span", { className: "state small", role: "status" });
  let moved = known !== undefined, trouble = "";
  whileOpen(document, "rated", ({ detail }) => {
    if (detail.trial === clip.id && detail.scale === scale.name) trouble = detail.refusal ? detail.refusal.message : "";
  });
  const slider = make("input", {
    type: "range", min: scale.answers[0].value, max: scale.answers.at(-1).value, step: scale.answers[1].value - scale.answers[0].value, value: known ?? 50,
    className: moved ? "" : "unset", "aria-label": label, "aria-valuetext": moved ? worded(known) : t("not rated yet"),
    oninput: () => { moved = true; slider.className = ""; shown.textContent = slider.value; slider.setAttribute("aria-valuetext", worded(Number(slider.value))); },
    onchange: () => outbox.put({ ...track.report(), scale: scale.name, value: Number(slider.value) }),
  });
  const ends = make("div", { className: "ends small soft", "aria-hidden": "true" }, ...words.filter((answer) => answer.value < 100).map((answer) => make("span", {}, answer.label)));
  const box = make("fieldset", { className: "scale slider", disabled: !track.heard }, make("legend", {}, make("b", {}, track.name[0].toUpperCase() + track.name.slice(1)), shown), slider, ends, state);
  return {
    box, words: label, focus: () => slider.focus(), answered: () => moved, choose: () => {},
    unlock() { box.disabled = !track.heard; },
    refresh() {
      const text = trouble || (outbox.holds(clip.id, scale.name) ? t("Saving …") : moved ? t("✓ Saved") : "");
      if (state.textContent !== text) state.textContent = text;
      state.classList.toggle("is-saved", text === t("✓ Saved"));
    },
  };
}
