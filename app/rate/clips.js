// The clips: heard once from start to end, then each question answered, each answer saved and seen to be saved.
function showClip(view) {
  const { trial, scales } = view;
  const player = open(new Player(trial.id, { heard: trial.heard, plays: trial.plays, maxReplays: view.max_replays, onheard: unlock }));
  const questions = scales.map((scale, index) => questionBox(scale, index, trial, player));
  const next = button(view.state === "training" ? t("Check my answers") : t("Next clip"), finish);
  const hint = make("p", { className: "soft small" }, t("You can answer when you have heard the whole clip."));
  for (const { input } of questions.flatMap((question) => question.inputs)) input.addEventListener("change", () => { clearNote(); refresh(); });
  whileOpen(document, "rated", ({ detail }) => {
    if (detail.trial !== trial.id) return;
    if (detail.refusal) refused(detail.refusal);
    refresh();
  });

  function unlock() {
    for (const question of questions) question.box.disabled = false;
    hint.hidden = true;
    if (!trial.heard) {
      say(t("You can answer now."));
      ask("POST", "heard", player.report()).catch(() => {}); // each rating carries the same report
    }
  }
  const missing = () => questions.find((question) => !question.answered());
  const unsaved = () => scales.some((scale) => outbox.holds(trial.id, scale.name));
  function refresh() {
    for (const question of questions) question.refresh();
    setDisabled(next, Boolean(missing()) || unsaved());
  }
  async function finish() {
    if (!player.heard) { note(t("Please listen to the whole clip first.")); player.toggle.focus(); return; }
    const open = missing();
    if (open) { note(t("Please answer: {what}", { what: open.scale.title })); open.inputs[0].input.focus(); return; }
    if (unsaved()) { note(t("Your answer is being saved. One moment …"), "quiet"); await outbox.flush(); if (unsaved()) return; }
    if (next.disabled) return;
    next.disabled = true;
    player.audio.pause();
    try {
      const result = await askUntilDone("POST", "finish", { trial: trial.id, signs: takeSigns() });
      if (result.feedback) showFeedback(result.feedback, result.view); else render(result.view);
    } catch (refusal) { next.disabled = false; await refused(refusal); }
  }

  keys.answer = (digit) => {
    if (!player.heard) { note(t("Please listen to the whole clip first."), "quiet"); return; }
    const active = missing() || questions.find((question) => question.box.contains(document.activeElement)) || questions.at(-1);
    active.choose(digit);
  };
  keys.next = finish;
  const { done, of } = view.clips;
  const place = { number: done + 1, of };
  show(view.state === "training" ? t("Practice clip {number} of {of}", place) : t("Clip {number} of {of}", place),
    make("progress", { className: "whole", max: of, value: done, "aria-label": t("Clips done") }),
    done === 0 && view.text ? paragraphs(t(view.text)) : null,
    player.element, hint, ...questions.map((question) => question.box),
    make("p", { className: "row" }, next), keyHint(Math.max(...scales.map((scale) => scale.answers.length))));
  if (player.heard) unlock();
  refresh();
  forgetSounds([trial.id, view.preload]);
  if (view.preload) player.loading.then(() => fetchSound(view.preload)).catch(() => {});
}

// One question with its full wording. Nothing is chosen beforehand unless this person chose it before.
function questionBox(scale, index, trial, player) {
  const state = make("span", { className: "state small", role: "status" });
  const inputs = scale.answers.map(({ value, label }, place) => {
    const input = make("input", { type: "radio", name: `scale-${index}`, value, checked: trial.answers[scale.name] === value, onchange: () => send(value) });
    const key = place < 9 ? make("kbd", { "aria-hidden": "true" }, place + 1) : null;
    return { input, label: make("label", {}, input, key, make("span", {}, label || String(value))) };
  });
  let trouble = "";
  const box = make("fieldset", { className: "scale", disabled: !player.heard },
    make("legend", {}, make("b", {}, scale.title), make("span", { className: "question" }, scale.question)),
    ...inputs.map((answer) => answer.label), state);
  let sent = scale.name in trial.answers;

  function send(value) {
    sent = true;
    trouble = "";
    outbox.put({ ...player.report(), scale: scale.name, value });
  }
  whileOpen(document, "rated", ({ detail }) => {
    if (detail.trial === trial.id && detail.scale === scale.name) trouble = detail.refusal ? detail.refusal.message : "";
  });
  return {
    scale, box, inputs,
    answered: () => inputs.some((answer) => answer.input.checked),
    refresh() {
      const waiting = outbox.holds(trial.id, scale.name);
      const text = trouble || (waiting ? t("Saving …") : sent ? t("✓ Saved") : "");
      if (state.textContent !== text) state.textContent = text;
      state.classList.toggle("is-saved", text === t("✓ Saved"));
    },
    choose(digit) {
      const answer = inputs[digit - 1];
      if (!answer || box.disabled) return;
      answer.input.focus();
      if (!answer.input.checked) { answer.input.checked = true; answer.input.dispatchEvent(new Event("change")); }
    },
  };
}

function showFeedback(feedback, nextView) {
  const lines = feedback.scales.map(({ title: scale, clip, right, expected }) => {
    const title = clip ? t("{title} of {name}", { title: scale, name: t("clip {number}", { number: clip }) }) : scale;
    return make("p", { className: `note note-${right ? "good" : "warning"}` },
      right ? t("{title}: as expected.", { title }) : t("{title}: we would have expected {expected}.", { title, expected }));
  });
  const next = button(t("Continue"), () => render(nextView));
  keys.next = () => next.click();
  show(t("Practice: your answers"), ...lines, feedback.text ? paragraphs(feedback.text) : null, make("p", { className: "row" }, next));
}

function showBreak(view) {
  const next = button(t("Go on"), () => go({}, next));
  const left = make("b", {});
  let seconds = Math.round(view.break.seconds);
  const tick = () => { left.textContent = seconds > 0 ? t("{seconds} s", { seconds }) : t("over"); seconds--; };
  tick();
  const timer = setInterval(tick, 1000);
  closing.push(() => clearInterval(timer));
  keys.next = () => next.click();
  show(t("A short break"), paragraphs(t(view.break.text)), make("p", {}, t("Rest:"), " ", left), make("p", {}, t("Go on when you are ready.")), make("p", { className: "row" }, next));
}
