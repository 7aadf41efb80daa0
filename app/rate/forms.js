// Consent, questionnaires, volume, headphone test, the end: everything but the clips.
function showConsent(view) {
  const agree = button(t("I agree and take part"), () => go({ agree: true }, agree));
  const decline = button(t("I do not agree"), () => declined(decline), "");
  const started = make("button", { type: "button", className: "link", onclick: () => showCodeForm(t("Enter the code from the foot of the page where you began.")) }, t("I have begun before: enter my code"));
  const { clips, minutes } = view.length;
  const length = make("p", { className: "soft", id: "length" }, t("About {minutes} minutes, {count} short clips to listen to.", { minutes, count: clips }));
  show(view.title, length, paragraphs(t(view.text)), make("p", { className: "row" }, agree, decline), started);
}

// Nothing was given yet, so there is nothing to ask about.
async function declined(pressed) {
  if (pressed.disabled) return;
  pressed.disabled = true;
  clearNote();
  let ending = { text: t("You have not taken part, and nothing about you is kept.") };
  try {
    ({ ending } = await askUntilDone("POST", "decline", {}));
  } catch (refusal) {
    if (refusal.word !== "unknown_session") { pressed.disabled = false; await refused(refusal); return; }
  }
  leave();
  show(t("You have not taken part"), paragraphs(t(ending.text)), endingActions(ending),
    make("p", { className: "soft small" }, t("You can close this page. If you change your mind, open the link again.")));
}

const isWebAddress = (url) => /^https?:\/\//i.test(url || "");

function endingActions({ code, url }) {
  const copy = code && button(t("Copy the code"), async () => {
    try { await navigator.clipboard.writeText(code); say(t("Copied.")); copy.textContent = t("Copied"); } catch { note(t("Copying is not allowed here: select the code instead."), "quiet"); }
  }, "");
  const back = isWebAddress(url) && make("a", { className: "button primary", href: url, rel: "noreferrer" }, t("Return to where you came from"));
  return [
    code && make("p", {}, `${t("Your completion code:")} `, make("strong", { className: "code", id: "completion", dir: "ltr" }, code)),
    (back || copy) && make("p", { className: "row" }, back || null, copy || null),
  ];
}

function showForm(view) {
  const form = make("form", { noValidate: true, onsubmit: (event) => {
    event.preventDefault();
    const open = view.questions.find((question) => question.required && isEmpty(answerOf(question)));
    if (open) {
      note(t("Please answer: {what}", { what: open.text }));
      byId(`question-${open.name}`).querySelector("input, select, textarea").focus();
      return;
    }
    const answers = view.questions.map((question) => [question.name, answerOf(question)]).filter(([, answer]) => !isEmpty(answer));
    go({ answers: Object.fromEntries(answers) }, submit);
  } });
  const submit = make("button", { type: "submit", className: "button primary" }, t("Continue"));
  form.append(...view.questions.map(questionField), submit);
  show(t(view.heading), form);
}

const isEmpty = (answer) => answer === null || answer === "" || (Array.isArray(answer) && !answer.length);

function questionField(question) {
  const id = `question-${question.name}`;
  const optional = question.required ? null : make("span", { className: "soft" }, ` ${t("(optional)")}`);
  if (question.options.length > 0 && question.kind !== "number" && question.kind !== "text") {
    const type = question.kind === "several" ? "checkbox" : "radio";
    const choices = question.options.map((option) => make("label", {}, make("input", { type, name: question.name, value: option }), make("span", {}, option === question.not_saying ? t(option) : option)));
    return make("fieldset", { id, className: "choices" }, make("legend", {}, question.text, optional), ...choices);
  }
  const field = question.kind === "number"
    ? make("input", { type: "number", inputMode: "decimal", id: `field-${question.name}`, min: question.minimum ?? undefined, max: question.maximum ?? undefined, step: "any" })
    : make("textarea", { id: `field-${question.name}`, rows: 3, maxLength: 2000 });
  const refuse = question.not_saying
    ? make("label", { className: "choice" }, make("input", { type: "checkbox", name: question.name, value: question.not_saying }), make("span", {}, t(question.not_saying)))
    : null;
  return make("div", { id, className: "choices" }, make("label", { htmlFor: field.id }, question.text, optional), field, refuse);
}

function answerOf(question) {
  const box = byId(`question-${question.name}`);
  const checked = [...box.querySelectorAll("input:checked")].map((input) => input.value);
  const field = byId(`field-${question.name}`);
  if (field) return checked.length ? checked[0] : question.kind === "number" && field.value !== "" ? Number(field.value) : field.value.trim();
  return question.kind === "several" ? checked : checked[0] ?? null;
}

function showVolume(view) {
  const player = open(new Player(view.sound, { name: t("the sound"), onheard: () => setDisabled(next, false) }));
  const next = button(t("The volume is comfortable"), () => { if (isDisabled(next)) note(t("Please play the sound first.")); else go({}, next); });
  setDisabled(next, true);
  keys.next = () => next.click();
  show(t("Set your volume"), paragraphs(t(view.text)), player.element, make("p", { className: "row" }, next));
}

// Nothing tells right from wrong here: that would teach how to pass without headphones.
function showTones(view) {
  const { trial, of, sound } = view.tones;
  const player = open(new Player(sound, { name: t("the tones"), onheard: () => { box.disabled = false; hint.hidden = true; say(t("Now choose the quietest tone.")); } }));
  const hint = make("p", { className: "soft small" }, t("You can answer after the third tone."));
  const labels = [t("First"), t("Second"), t("Third")].map((text, index) => make("label", {}, make("input", { type: "radio", name: "tone", value: index + 1 }), make("kbd", {}, index + 1), make("span", {}, text)));
  const box = make("fieldset", { className: "scale", disabled: true }, make("legend", {}, t("Which tone was the quietest?")), ...labels);
  const next = button(t("Next"), () => {
    const chosen = box.querySelector("input:checked");
    if (!chosen) { note(player.heard ? t("Please choose one of the three tones.") : t("Please listen to all three tones first.")); return; }
    go({ trial, choice: Number(chosen.value) }, next);
  });
  keys.answer = (digit) => { const input = box.querySelectorAll("input")[digit - 1]; if (input && !box.disabled) { input.checked = true; input.focus(); } };
  keys.next = () => next.click();
  show(t("Headphones on, please: {number} of {of}", { number: trial + 1, of }),
    make("p", {}, t("Put on your headphones or earphones. You will hear three tones with pauses between them. One is quieter than the others.")),
    player.element, hint, box, make("p", { className: "row" }, next), keyHint(3));
}

const keyHint = (most, switches = false) => make("p", { className: "soft small keyboard" },
  switches ? t("Keys: space plays, 1 to {most} switches, Enter goes on.", { most }) : t("Keys: space plays, 1 to {most} answers, Enter goes on.", { most }));

function showDebrief(view) {
  const next = button(t("Continue"), () => go({}, next));
  show(t("About this study"), paragraphs(t(view.text)), make("p", { className: "row" }, next));
}

function showEnd(view) {
  tellParent(view);
  const { text, debrief } = view.ending;
  const headings = { finished: t("You have finished"), screened_out: t("Thank you for your time"), timed_out: t("Your time is up") };
  show(headings[view.state] || t("The end"),
    paragraphs(t(text || "")),
    endingActions(view.ending),
    returning(view.ending),
    submission(view.ending),
    debrief && [make("h2", {}, t("About this study")), ...paragraphs(debrief)],
    who || !study ? null : make("p", {}, button(t("Somebody else takes part on this device"), anotherPerson, "")));
}

// Takes a person back to the panel after a while, unless they want to stay.
function returning({ url, return_seconds: seconds }) {
  if (!seconds || !isWebAddress(url) || window.top !== window) return null;
  let left = seconds;
  const text = make("span", { role: "status" }, t("You go back to your panel in {seconds} s.", { seconds: left }));
  const timer = setInterval(() => {
    left--;
    if (left > 0) { text.textContent = t("You go back to your panel in {seconds} s.", { seconds: left }); return; }
    clearInterval(timer);
    location.assign(url);
  }, 1000);
  closing.push(() => clearInterval(timer));
  const line = make("p", { id: "returning" }, text, " ", make("button", { type: "button", className: "link", onclick: () => { clearInterval(timer); line.remove(); } }, t("Stay here")));
  return line;
}

// MTurk's external question is handed in by a form that is sent to MTurk, where the study names it as a frame.
function submission({ code }) {
  if (!query.assignmentId || !code) return null;
  let target;
  try { target = new URL("/mturk/externalSubmit", query.turkSubmitTo); } catch { return null; }
  if (!(words.framed_by || []).includes(target.origin)) return null;
  return make("form", { method: "POST", action: target.href, id: "submission" },
    make("input", { type: "hidden", name: "assignmentId", value: query.assignmentId }), make("input", { type: "hidden", name: "code", value: code }),
    make("button", { type: "submit", className: "button primary" }, t("Hand in the task")));
}

// Tells a survey that holds this page, where the study names its site, that the session has ended, and with which code.
function tellParent(view) {
  if (window.parent === window) return;
  for (const origin of words.framed_by || []) window.parent.postMessage({ type: "undertone.ended", state: view.state, code: view.ending.code }, origin);
}

// On a plain link nothing tells who has come back: the one who finished, or the next person at a shared computer.
function showWhoIsThere(view) {
  byId("foot").hidden = true;
  show(t("This study was finished on this device"),
    make("p", {}, t("Was it you who took part here, or do you want to begin?")),
    make("p", { className: "row" }, button(t("I want to begin"), anotherPerson), button(t("It was me: show my end page"), () => render(view), "")));
}

function showCodeForm(text) {
  const field = make("input", { id: "resume", autocomplete: "off", autocapitalize: "none", spellcheck: false, dir: "ltr", placeholder: "abcd-efgh-jkmn" });
  const form = make("form", { onsubmit: async (event) => {
    event.preventDefault();
    clearNote();
    try { await entered(await ask("POST", "resume", { code: field.value })); } catch (refusal) { note(refusal.message); field.focus(); }
  } }, make("label", { htmlFor: "resume" }, t("Your code")), field, make("button", { type: "submit", className: "button primary" }, t("Go on")));
  show(t("Go on with your session"), make("p", {}, t(text)), form);
}
