// Several clips of one prompt, heard and answered together: a preference, the best and the worst, or MUSHRA's sliders.
function showSet(view) {
  if (view.set.kind === "mushra") showMushra(view);
  else showChoice(view);
}

const soundsOf = (set) => [...set.clips.map((clip) => clip.id), ...(set.reference ? [set.reference] : []), ...set.preload];

// What all pages of sets have: saved answers, the way on, and the sounds that come next.
function setPage(view, { intro, players, questions, report, digits, keyWords, fetchAhead = fetchSound }) {
  const { set, scales } = view;
  const ids = new Set(set.clips.map((clip) => clip.id));
  const practice = view.state === "training";
  const next = button(practice ? t("Check my answers") : t("Next"), finish);
  const hint = make("p", { className: "soft small", role: "status" });
  const unheard = () => players.filter((one) => !one.heard);
  const missing = () => questions.find((question) => !question.answered());
  const unsaved = () => outbox.waiting.some((rating) => ids.has(rating.trial));
  whileOpen(document, "rated", ({ detail }) => {
    if (!ids.has(detail.trial)) return;
    if (detail.refusal) refused(detail.refusal);
    refresh();
  });
  function refresh() {
    for (const question of questions) question.refresh();
    const left = unheard();
    const text = left.length ? t("Still to be heard to the end: {names}.", { names: left.map((one) => one.name).join(", ") }) : "";
    if (hint.textContent !== text) hint.textContent = text;
    setDisabled(next, left.length > 0 || Boolean(missing()) || unsaved());
  }
  async function finish() {
    const left = unheard();
    if (left.length) { note(t("Please listen to {name} to its end first.", { name: left[0].name })); left[0].toggle.focus(); return; }
    const open = missing();
    if (open) { note(t("Please answer: {what}", { what: open.words })); open.focus(); return; }
    if (unsaved()) { note(t("Your answer is being saved. One moment …"), "quiet"); await outbox.flush(); if (unsaved()) return; }
    if (next.disabled) return;
    next.disabled = true;
    for (const one of players) one.audio.pause();
    try {
      const result = await askUntilDone("POST", "finish", { trial: set.clips[0].id, signs: takeSigns() });
      if (result.feedback) showFeedback(result.feedback, result.view); else render(result.view);
    } catch (refusal) {
      next.disabled = false;
      if (refusal.word === "not_listened") for (const one of players) await ask("POST", "heard", one.report()).catch(() => {});
      await refused(refusal);
    }
  }
  keys.answer = (digit) => {
    if (unheard().length && digits.afterAll) { note(t("Please listen to {name} to its end first.", { name: unheard()[0].name }), "quiet"); return; }
    const active = missing() || questions.find((question) => question.box.contains(document.activeElement)) || questions.at(-1);
    active.choose(digit);
  };
  keys.next = finish;
  const { done, of } = view.clips;
  const place = { number: done + 1, of };
  show(practice ? t("Practice trial {number} of {of}", place) : t("Trial {number} of {of}", place),
    make("progress", { className: "whole", max: of, value: done, "aria-label": t("Trials done") }),
    (practice || done === 0) && view.text ? paragraphs(t(view.text)) : null,
    make("p", { className: "question" }, intro), ...report, hint, ...questions.map((question) => question.box),
    make("p", { className: "row" }, next), keyHint(...keyWords));
  refresh();
  forgetSounds(soundsOf(set));
  Promise.all(players.map((one) => one.loading)).then(async () => { for (const id of set.preload) await fetchAhead(id); }).catch(() => {});
  return { refresh };
}

function showChoice(view) {
  const { set, scales: [scale] } = view;
  const pair = set.kind === "preference";
  const names = set.clips.map((_, index) => (pair ? [t("the first clip"), t("the second clip")][index] : t("clip {number}", { number: index + 1 })));
  const players = set.clips.map((clip, index) => new Player(clip.id, {
    heard: clip.heard, plays: clip.plays, maxReplays: view.max_replays, name: names[index], label: names[index],
    onheard: () => heard(index),
  }));
  let last = 0;
  for (const [index, one] of players.entries()) {
    closing.push(() => one.close());
    one.audio.addEventListener("play", () => { last = index; for (const other of players) if (other !== one) other.audio.pause(); });
  }
  // Space plays the clip that was chosen last, or the next one that was not heard yet.
  player = {
    press: () => (players.find((one) => one.playing) || players.find((one) => !one.heard) || players[last]).press(),
    get playing() { return players.some((one) => one.playing); },
    audio: { pause: () => { for (const one of players) one.audio.pause(); } },
  };
  closing.push(() => { player = null; });
  const allHeard = () => players.every((one) => one.heard);
  const reportFor = (index) => ({ ...players[index].report(), others: players.filter((_, other) => other !== index).map((one) => one.report()) });
  const questions = pair ? pairQuestions(view, allHeard, reportFor) : bestWorstQuestions(view, allHeard, reportFor);
  function heard(index) {
    ask("POST", "heard", players[index].report()).catch(() => {}); // each answer carries the same report
    if (allHeard()) { for (const question of questions) question.box.disabled = false; say(t("You can answer now.")); }
    page.refresh();
  }
  const cards = make("div", { className: "set" }, ...players.map((one, index) => make("div", { className: "set-clip", role: "group", "aria-label": names[index] }, one.element)));
  const page = setPage(view, {
    intro: pair ? t("Play both clips to the end, then answer. You can play them again.") : `${scale.question} ${t("Play every clip to the end, then answer. You can play them again.")}`,
    players, questions, report: [cards], digits: { afterAll: true },
    keyWords: [pair ? scale.answers.length : set.clips.length],
  });
  for (const question of questions) for (const input of question.box.querySelectorAll("input")) input.addEventListener("change", () => { clearNote(); page.refresh(); });
}

// A preference is said of the second clip; the server notes the opposite of the first.
function pairQuestions(view, allHeard, reportFor) {
  const { set, scales: [scale] } = view;
  const second = set.clips[1];
  const listener = { get heard() { return allHeard(); }, report: () => reportFor(1) };
  const question = questionBox(scale, 0, second, listener);
  const asked = { ...question, words: scale.title, focus: () => question.inputs[0].input.focus() };
  if (!set.reasons.length) return [asked];
  const inputs = set.reasons.map((reason) => {
    const input = make("input", { type: "checkbox", checked: second.answers[reason.name] === 1,
      onchange: () => outbox.put({ ...reportFor(1), scale: reason.name, value: input.checked ? 1 : 0 }) });
    return make("label", {}, input, make("span", {}, reason.text));
  });
  const box = make("fieldset", { className: "scale tags", disabled: !allHeard() }, make("legend", {}, make("b", {}, t("Why?")), make("span", { className: "question" }, t("Choose as many as apply, or none."))), ...inputs);
  return [asked, { box, words: t("Why?"), focus: () => box.focus(), answered: () => true, refresh: () => {}, choose: () => {} }];
}

// Best and worst: one radio group each; a clip cannot be both, so choosing it for one takes it from the other.
function bestWorstQuestions(view, allHeard, reportFor) {
  const { set, scales: [scale] } = view;
  const groups = [["best", 1, t("Which one sounds best?")], ["worst", -1, t("Which one sounds worst?")]];
  const made = groups.map(([word, value, text], place) => {
    const state = make("span", { className: "state small", role: "status" });
    const inputs = set.clips.map((clip, index) => make("input", { type: "radio", name: word, value: index, checked: clip.answers[scale.name] === value, onchange: () => choose(index) }));
    const labels = inputs.map((input, index) => make("label", {}, input, make("kbd", { "aria-hidden": "true" }, index + 1), make("span", {}, t("Clip {number}", { number: index + 1 }))));
    const box = make("fieldset", { className: "scale chips", disabled: !allHeard() },
      make("legend", {}, make("b", {}, text)), make("div", { className: "chips-row" }, ...labels), state);
    let trouble = "", sent = inputs.some((input) => input.checked);
    function choose(index) {
      const other = made[1 - place].inputs[index];
      if (other.checked) { other.checked = false; say(place ? t("Clip {number} is no longer the best.", { number: index + 1 }) : t("Clip {number} is no longer the worst.", { number: index + 1 })); }
      sent = true;
      trouble = "";
      outbox.put({ ...reportFor(index), scale: scale.name, value });
    }
    whileOpen(document, "rated", ({ detail }) => {
      if (detail.scale === scale.name && detail.value === value && set.clips.some((clip) => clip.id === detail.trial)) trouble = detail.refusal ? detail.refusal.message : "";
    });
    return {
      inputs, box, words: text, focus: () => inputs[0].focus(),
      answered: () => inputs.some((input) => input.checked),
      refresh() {
        const chosen = inputs.findIndex((input) => input.checked);
        const waiting = chosen >= 0 && outbox.holds(set.clips[chosen].id, scale.name);
        const text = trouble || (waiting ? t("Saving …") : sent && chosen >= 0 ? t("✓ Saved") : "");
        if (state.textContent !== text) state.textContent = text;
        state.classList.toggle("is-saved", text === t("✓ Saved"));
      },
      choose(digit) {
        const input = inputs[digit - 1];
        if (!input || box.disabled) return;
        input.focus();
        if (!input.checked) { input.checked = true; input.dispatchEvent(new Event("change")); }
      },
    };
  });
  return made;
}
