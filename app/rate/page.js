// What is on the page: always what the server says, whichever tab or device was used before.
const keys = { answer: null, next: null };
let closing = [], current = null, player = null;

function open(fresh) {
  player = fresh;
  closing.push(() => { fresh.close(); player = null; });
  return fresh;
}
function whileOpen(target, name, action) {
  target.addEventListener(name, action);
  closing.push(() => target.removeEventListener(name, action));
}

const SHOWN = { consent: showConsent, eligibility: showForm, questionnaire: showForm, volume: showVolume, headphones: showTones, debrief: showDebrief };

function render(view) {
  for (const close of closing) close();
  closing = [];
  Object.assign(keys, { answer: null, next: null });
  current = view;
  document.title = view.title;
  byId("code").textContent = byId("handover-code").textContent = view.resume_code || "";
  byId("foot").hidden = false;
  byId("foot").firstElementChild.hidden = view.ended;
  byId("withdraw").hidden = view.state === "consent";  // nothing was given yet
  byId("another").hidden = Boolean(who) || !study || view.ended;
  if (view.ended) { forgetSounds([]); showEnd(view); }
  else if (view.break) showBreak(view);
  else if (view.set) showSet(view);
  else if (view.trial) showClip(view);
  else SHOWN[view.state](view);
}

// Where the session is, without what changes while a clip is being judged.
const place = (view) => JSON.stringify([view.state, view.progress, (view.trial ?? view.set?.clips[0])?.id, view.tones?.trial, Boolean(view.break)]);

async function reload() {
  const view = await askUntilDone("GET", "view");
  if (!current || place(view) !== place(current)) render(view);
}

async function refused(refusal) {
  if (refusal.word === "wrong_section" || refusal.word === "ended") { await reload(); note(refusal.message, "warning"); return; }
  if (refusal.word === "unknown_session") { kept.remove(TOKEN); token = null; showCodeForm(refusal.message); return; }
  note(refusal.message);
}

// Answers the section where the page is, and shows the next one.
async function go(given, pressed) {
  if (pressed.disabled) return;
  pressed.disabled = true;
  clearNote();
  try {
    render(await askUntilDone("POST", "answer", { section: current.progress.step, ...given }));
  } catch (refusal) {
    pressed.disabled = false;
    await refused(refusal);
  }
}

async function entered({ token: fresh, view, words: own }) {
  speak(own);
  token = fresh;
  kept.set(TOKEN, { token, who });
  kept.remove(BEGINNING);
  if (outbox.waiting.length) {  // answered before a code was needed; the server refuses what is of another session
    await outbox.flush();
    view = await askUntilDone("GET", "view");
  }
  render(view);
}

async function enter() {
  const known = kept.get(TOKEN);
  if (known && known.who === who) {
    token = known.token;
    try {
      await outbox.flush(); // what was chosen just before a crash
      const view = await askUntilDone("GET", "view");
      if (view.ended && !who && study) showWhoIsThere(view); else render(view);
      return;
    } catch (refusal) {
      if (refusal.word !== "unknown_session") { show(t("This did not work")); note(refusal.message); return; }
      kept.remove(TOKEN);
      token = null;
    }
  }
  if (!study) { showCodeForm(t("Enter the code that was shown at the foot of your study's page.")); return; }
  try {
    await entered(await askUntilDone("POST", "begin", { study, query, nonce: beginning() }));
  } catch (refusal) {
    if (refusal.word === "already_started") showCodeForm(refusal.message);
    else { show(t("Listening study")); note(refusal.message, "warning"); }
    if (refusal.word === "full_for_now") setTimeout(enter, 1000 * (refusal.wait ?? 15));  // a place may have come free
  }
}

// Ends what is on the page and forgets the person.
function leave() {
  for (const close of closing) close();
  closing = [];
  Object.assign(keys, { answer: null, next: null });
  current = null;
  forgetSounds([]);
  forget();
  byId("foot").hidden = true;
}

async function anotherPerson() {
  if (outbox.waiting.length) await outbox.flush();
  leave();
  await enter();
}
byId("another").addEventListener("click", () => byId("handover").showModal());
byId("handover").addEventListener("click", ({ target }) => {
  if (target.value) byId("handover").close();
  if (target.value === "yes") anotherPerson();
});

function withdraw() { byId("sure").showModal(); }
byId("withdraw").addEventListener("click", withdraw);
byId("sure").addEventListener("click", async ({ target }) => {
  if (target.value === "no") byId("sure").close();
  if (target.value !== "yes") return;
  byId("sure").close();
  player?.audio.pause();
  try {
    await askUntilDone("POST", "withdraw", {});
  } catch (refusal) { if (refusal.word !== "unknown_session") { note(refusal.message); return; } }
  leave();
  show(t("Your data has been deleted"), make("p", {}, t("Nothing that you answered is kept. You can close this page.")));
});

// Space plays wherever it would not type or press something; digits answer; Enter goes on.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || byId("sure").open || byId("handover").open || !(keys.next || player)) return;
  const on = document.activeElement;
  const typing = on.matches("textarea, select, input:not([type=radio], [type=checkbox], [type=range])");
  const pressing = on.matches("button, a, summary");
  if (typing) return;
  if (event.key === " " && player && !pressing) { event.preventDefault(); player.press(); }
  else if (/^[1-9]$/.test(event.key) && keys.answer) { event.preventDefault(); keys.answer(Number(event.key)); }
  else if (event.key === "Enter" && keys.next && !pressing) { event.preventDefault(); keys.next(); }
});

// Another tab may have gone on.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && token && current && !current.ended && !player?.playing && !outbox.waiting.length) reload().catch(() => {});
});

// The study's language first; without a study, or without an answer, the page stays in English.
async function start() {
  if (study) speak(await ask("GET", `words/${encodeURIComponent(study)}`).catch(() => null));
  await enter();
}
start();
