// Talking with the server: one token, requests that are tried again, and answers that are kept until they are saved.
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
// The site may lie under a sub-path: /rate and /voice/rate, each with or without a study behind it.
const [, root = "", named = ""] = location.pathname.match(/^(.*?)\/rate(?:\/([^/]*))?\/?$/) || [];

// In a frame of another site a browser may refuse its storage. A cookie of that frame alone is next, which only the
// addresses of raters are sent; without either, what is kept is gone with the page.
const cookies = {
  get(key) {
    const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${encodeURIComponent(key)}=`));
    return found === undefined ? null : decodeURIComponent(found.slice(found.indexOf("=") + 1));
  },
  set(key, text, seconds = 30 * 24 * 3600) {
    const scope = location.protocol === "https:" ? "Secure; SameSite=None; Partitioned" : "SameSite=Lax";
    document.cookie = `${encodeURIComponent(key)}=${encodeURIComponent(text)}; Path=${root}/rate; Max-Age=${seconds}; ${scope}`;
  },
  remove(key) { this.set(key, "", 0); },
};
const browser = {
  get(key) { return localStorage.getItem(key); },
  set(key, text) { localStorage.setItem(key, text); },
  remove(key) { localStorage.removeItem(key); },
};
// What a browser keeps for this page, the first that takes something and gives it back; null for nothing.
const store = [browser, cookies].find((place) => {
  try {
    place.set("undertone.rate.trial", "1");
    const works = place.get("undertone.rate.trial") === "1";
    place.remove("undertone.rate.trial");
    return works;
  } catch { return false; }
}) ?? null;
const memory = {};
const kept = {
  get(key) { try { return JSON.parse(store.get(key)); } catch { return memory[key] ?? null; } },
  set(key, value) { memory[key] = value; try { store.set(key, JSON.stringify(value)); } catch { /* nothing is kept here */ } },
  remove(key) { delete memory[key]; try { store.remove(key); } catch { /* nothing was kept */ } },
};

const study = decodeURIComponent(named);
const query = Object.fromEntries([...new URLSearchParams(location.search)].slice(0, 20));
const who = query.PROLIFIC_PID || query.workerId || "";
const here = root ? `${root}/${study}` : study;  // sites under other sub-paths share this browser's storage
const TOKEN = `undertone.rate.${here}`, OUTBOX = `undertone.rate.outbox.${here}`, BEGINNING = `undertone.rate.beginning.${here}`;
let token = null;

const drawn = () => (crypto.randomUUID ? crypto.randomUUID() : Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36).padStart(7, "0")).join("-"));

// Tells this beginning from others: sent again with every retry, also after a reload, so that a lost answer begins nothing twice.
function beginning() {
  const nonce = kept.get(BEGINNING) || drawn();
  kept.set(BEGINNING, nonce);
  return nonce;
}

// Forgets who was here; the next begin is another person's.
function forget() {
  for (const key of [TOKEN, OUTBOX, BEGINNING]) kept.remove(key);
  token = null;
  outbox.waiting = [];
}

class Refusal extends Error {
  constructor({ word, text, values = {}, wait_seconds: wait }) {
    super(t(text, Object.fromEntries(Object.entries(values).map(([name, value]) => [name, typeof value === "string" ? t(value) : value]))));
    this.word = word;
    this.wait = wait;
  }
}
const OFFLINE = { word: "offline", text: "No connection. Check your network; this page keeps trying and loses nothing." };

async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(`${root}/rate/api/${path}`, {
      method,
      headers: { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : undefined,
      signal: AbortSignal.timeout?.(30000),
    });
    // A network that asks for a sign-in first answers everything with a page of its own.
    const kind = answer.headers.get("Content-Type") || "";
    if (answer.ok && path.startsWith("audio/") && kind.startsWith("audio/")) return await answer.blob();
    if (answer.ok && !path.startsWith("audio/") && kind.startsWith("application/json")) return await answer.json();
  } catch {
    throw new Refusal(OFFLINE);
  }
  const said = await answer.json().catch(() => null);
  if (said?.error?.word) throw new Refusal(said.error);
  if (answer.ok) throw new Refusal({ ...OFFLINE, text: "The network answered instead of the study. Sign in to the network if it asks for that; this page keeps trying and loses nothing." });
  throw new Refusal({ ...OFFLINE, text: t("The server did not answer as expected ({status}). This page keeps trying.", { status: String(answer.status) }) });
}

// Words of refusals that pass by themselves.
const PASSING = new Set(["offline", "read_only", "too_many_requests", "too_early", "no_sound"]);

// Tries again until it works or is refused for good; says meanwhile that there is no connection.
async function askUntilDone(method, path, body) {
  for (let tried = 0; ; tried++) {
    try {
      const answer = await ask(method, path, body);
      connected();
      return answer;
    } catch (refusal) {
      if (!PASSING.has(refusal.word)) { connected(); throw refusal; }
      if (refusal.word !== "too_early") disconnected(refusal.message);
      await pause(1000 * (refusal.wait ?? Math.min(15, 2 ** Math.min(tried, 4))) + 50);
    }
  }
}

function connected() { byId("connection").hidden = true; }
function disconnected(text) { byId("connection").textContent = text; byId("connection").hidden = false; }

// Signs of a person at this page since the last trial was done: shown to whoever pays, never acted on.
const signs = { inputs: 0, focused: document.hasFocus() };
for (const name of ["pointermove", "pointerdown", "touchstart", "keydown"]) document.addEventListener(name, ({ isTrusted }) => { if (isTrusted && signs.inputs < 1e6) signs.inputs++; }, { passive: true, capture: true });
window.addEventListener("focus", () => { signs.focused = true; });
function takeSigns() {
  const taken = { inputs: signs.inputs, focused: signs.focused || document.hasFocus(), driven: navigator.webdriver === true };
  Object.assign(signs, { inputs: 0, focused: document.hasFocus() });
  return taken;
}

// The outbox: each answer stays in the browser's storage until the server has said that it is on disk.
const outbox = {
  waiting: kept.get(OUTBOX) || [],
  sending: null,
  put(rating) {
    this.waiting = this.waiting.filter((other) => other.trial !== rating.trial || other.scale !== rating.scale);
    this.waiting.push({ ...rating, nonce: drawn() });
    kept.set(OUTBOX, this.waiting);
    return this.flush();
  },
  holds(trial, scale) { return this.waiting.some((rating) => rating.trial === trial && rating.scale === scale); },
  flush() { this.sending ??= this.send().finally(() => { this.sending = null; }); return this.sending; },
  async send() {
    while (this.waiting.length) {
      const rating = this.waiting[0];
      let refusal = null;
      try { await askUntilDone("POST", "rating", rating); } catch (error) { refusal = error; }
      if (refusal?.word === "unknown_session") {  // the answer stays: a code may bring the session back
        document.dispatchEvent(new CustomEvent("rated", { detail: { ...rating, refusal } }));
        return;
      }
      this.waiting = this.waiting.filter((other) => other.nonce !== rating.nonce);
      kept.set(OUTBOX, this.waiting);
      document.dispatchEvent(new CustomEvent("rated", { detail: { ...rating, refusal } }));
    }
  },
};
window.addEventListener("beforeunload", (event) => { if (outbox.waiting.length) event.preventDefault(); });
window.addEventListener("online", () => { outbox.flush(); });
