// MUSHRA: one position for all clips and the reference, switched between while it plays, and a slider for each clip.
class Deck {
  // sounds: [{ id, name, heard, plays }], the reference first.
  constructor(sounds, onheard) {
    this.position = 0;
    this.chosen = 0;
    this.tracks = sounds.map((sound, index) => this.track(sound, index, onheard));
  }

  track(sound, index, onheard) {
    const audio = new Audio();
    audio.preload = "auto";
    const track = { ...sound, audio, hiddenSeconds: 0 };
    track.toggle = make("button", { type: "button", className: "button switch", "aria-pressed": "false", onclick: () => this.choose(index) }, sound.name[0].toUpperCase() + sound.name.slice(1));
    track.load = () => fetchSound(sound.id).then((url) => { audio.src = url; }).catch((refusal) => note(refusal.message));
    track.loading = track.load();
    track.listened = () => Array.from({ length: audio.played.length }, (_, i) => [audio.played.start(i), audio.played.end(i)]);
    track.report = () => ({ trial: sound.id, listened: track.listened(), plays: track.plays, hidden_seconds: track.hiddenSeconds });
    audio.addEventListener("timeupdate", () => { if (index === this.chosen) this.moved(track, onheard); });
    audio.addEventListener("pause", () => this.moved(track, onheard));
    audio.addEventListener("ended", () => { this.moved(track, onheard); if (index === this.chosen && this.repeat) { this.position = 0; this.play(); } });
    audio.addEventListener("error", () => { if (audio.getAttribute("src")) { sounds.delete(sound.id); note(`${sound.name} did not arrive whole. Reload this page; your answers are kept.`); } });
    return track;
  }

  get playing() { return !this.tracks[this.chosen].audio.paused; }

  moved(track, onheard) {
    if (document.hidden && this.playing) track.hiddenSeconds += 0.25; // the events come four times a second
    const { audio } = track;
    if (!audio.duration) return;
    if (track === this.tracks[this.chosen]) this.position = audio.currentTime;
    const seconds = track.listened().reduce((sum, [start, end]) => sum + end - start, 0);
    if (!track.heard && seconds >= 0.98 * audio.duration) { track.heard = true; onheard(track); }
    this.onmove?.();
  }

  async play() {
    const track = this.tracks[this.chosen];
    await track.loading;
    if (track.audio.duration && this.position >= track.audio.duration - 0.05) this.position = 0;
    track.audio.currentTime = this.position;
    if (this.position === 0) track.plays++;
    try { await track.audio.play(); } catch (error) {
      if (error.name !== "AbortError") note("Your browser did not start the sound. Check that sound is allowed here, then press Play again.");
    }
    this.onmove?.();
  }

  pause() { this.tracks[this.chosen].audio.pause(); this.onmove?.(); }

  // The same position in another clip: what is compared is the same moment of the same sentence.
  choose(index) {
    const was = this.tracks[this.chosen];
    if (!was.audio.ended) this.position = was.audio.currentTime;
    was.audio.pause();
    this.chosen = index;
    for (const [place, track] of this.tracks.entries()) track.toggle.setAttribute("aria-pressed", String(place === index));
    this.play();
  }

  close() { for (const { audio } of this.tracks) { audio.pause(); audio.removeAttribute("src"); } }
}

function showMushra(view) {
  const { set, scales } = view;
  const clips = set.clips.map((clip, index) => ({ id: clip.id, name: `clip ${index + 1}`, heard: clip.heard, plays: clip.plays }));
  const deck = new Deck([{ id: set.reference, name: "reference", heard: true, plays: 0 }, ...clips], (track) => {
    ask("POST", "heard", track.report()).catch(() => {});
    for (const question of questions) question.unlock();
    page.refresh();
  });
  closing.push(() => { deck.close(); player = null; });
  player = { press: () => (deck.playing ? deck.pause() : deck.play()), get playing() { return deck.playing; }, audio: { pause: () => deck.pause() } };
  const toggle = make("button", { type: "button", className: "button primary play", onclick: () => player.press() }, "▶ Play");
  const bar = make("progress", { max: 1, value: 0, "aria-label": "Position in all clips" });
  const again = make("input", { type: "checkbox", onchange: () => { deck.repeat = again.checked; } });
  deck.onmove = () => {
    toggle.textContent = deck.playing ? "❚❚ Pause" : "▶ Play";
    const { duration } = deck.tracks[deck.chosen].audio;
    bar.value = duration ? deck.position / duration : 0;
  };
  deck.tracks[0].toggle.setAttribute("aria-pressed", "true");
  const tracks = deck.tracks.slice(1);
  const questions = scales.flatMap((scale) => tracks.map((track, index) => sliderBox(scale, track, set.clips[index])));
  const report = [
    make("div", { className: "player" }, toggle, bar),
    make("label", { className: "row small" }, again, make("span", {}, "Begin again at the end")),
    make("div", { className: "row", role: "group", "aria-label": "What plays" }, ...deck.tracks.map((track) => track.toggle)),
  ];
  const page = setPage(view, {
    intro: scales.map((scale) => scale.question).join(" "), players: tracks, questions, report, digits: { afterAll: false }, keyWords: `1 to ${deck.tracks.length}`,
  });
  keys.answer = (digit) => { if (deck.tracks[digit - 1]) deck.choose(digit - 1); };
  for (const question of questions) question.box.addEventListener("change", () => { clearNote(); page.refresh(); });
}

// One slider with its words; it stands nowhere until it is moved.
function sliderBox(scale, track, clip) {
  const known = clip.answers[scale.name];
  const words = scale.answers.filter((answer) => answer.label);
  const worded = (value) => `${value}, ${words.filter((answer) => answer.value <= value).at(-1)?.label ?? ""}`;
  const label = `${scale.title} of ${track.name}`;
  const shown = make("output", {}, known === undefined ? "–" : known);
  const state = make("span", { className: "state small", role: "status" });
  let moved = known !== undefined;
  const slider = make("input", {
    type: "range", min: scale.answers[0].value, max: scale.answers.at(-1).value, step: scale.answers[1].value - scale.answers[0].value, value: known ?? 50,
    className: moved ? "" : "unset", "aria-label": label, "aria-valuetext": moved ? worded(known) : "not rated yet",
    oninput: () => { moved = true; slider.className = ""; shown.textContent = slider.value; slider.setAttribute("aria-valuetext", worded(Number(slider.value))); },
    onchange: () => outbox.put({ ...track.report(), scale: scale.name, value: Number(slider.value) }),
  });
  const ends = make("div", { className: "ends small soft", "aria-hidden": "true" }, ...words.filter((answer) => answer.value < 100).map((answer) => make("span", {}, answer.label)));
  const box = make("fieldset", { className: "scale slider", disabled: !track.heard }, make("legend", {}, make("b", {}, track.name[0].toUpperCase() + track.name.slice(1)), shown), slider, ends, state);
  return {
    box, words: label, focus: () => slider.focus(), answered: () => moved, choose: () => {},
    unlock() { box.disabled = !track.heard; },
    refresh() {
      const text = outbox.holds(clip.id, scale.name) ? "Saving …" : moved ? "✓ Saved" : "";
      if (state.textContent !== text) state.textContent = text;
      state.classList.toggle("is-saved", text.startsWith("✓"));
    },
  };
}
