// The takes that a visitor keeps, in the browser's own database: {id, name, settings, sound, link}, settings as JSON
// text, the sound as a Blob, the link {settings, prompt} where the prompt was shared. And links to takes: what is behind
// "#take=" is given to the page when one is opened, the settings and the name of the prompt where that is shared. The
// keys that delete shared prompts are in the local storage.
const section = element.querySelector(".library"), list = element.querySelector(".library-list");
const said = element.querySelector(".library-said"), all = element.querySelector(".library-all");
const shares = element.querySelector(".library-shares"), sharesList = element.querySelector(".library-shares-list");
const NAME = "undertone", STORE = "takes", SHARES = "undertone-shared-prompts", MOST_NAME_CHARS = 80, DAY_MS = 86400000;

const open = () => new Promise((resolve, reject) => {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id", autoIncrement: true });
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

async function inStore(mode, work) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode), request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  } finally { database.close(); }
}

const failed = (error) => {
  section.hidden = false;
  said.textContent = error.name === "QuotaExceededError"
    ? "The browser has no more room. Delete some takes, or download them." : `The browser keeps nothing here: ${error.message}`;
};

const fileName = (name) => name.replace(/[^\p{L}\p{N} _.-]/gu, "_").trim() || "take";
function download(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
const settingsOf = (take) => new Blob([take.settings], { type: "application/json" });

function row(take) {
  const item = document.createElement("li"), name = document.createElement("input");
  Object.assign(name, { value: take.name, maxLength: MOST_NAME_CHARS, className: "library-name" });
  name.setAttribute("aria-label", "Name of the take");
  name.addEventListener("change", () => inStore("readwrite", (store) => store.put({ ...take, name: name.value })).then(show, failed));
  const sound = Object.assign(document.createElement("audio"), { controls: true, preload: "none", src: URL.createObjectURL(take.sound) });
  sound.setAttribute("aria-label", `Sound of ${take.name}`);
  item.append(name, sound);
  const button = (label, work) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    made.setAttribute("aria-label", `${label}: ${take.name}`);
    made.addEventListener("click", work);
    item.append(made);
  };
  button("Save the settings", () => download(settingsOf(take), `${fileName(take.name)}.json`));
  button("Copy the link", () => {
    const isShared = readShares().some(({ prompt }) => prompt === take.link?.prompt); // not withdrawn, days not over
    if (isShared) copyLink(take.link.settings, take.link.prompt);
    else copyLink(take.settings);
  });
  button("Delete", () => inStore("readwrite", (store) => store.delete(take.id)).then(show, failed));
  return item;
}

async function show() {
  list.querySelectorAll("audio").forEach((sound) => URL.revokeObjectURL(sound.src));
  const takes = await inStore("readonly", (store) => store.getAll());
  list.replaceChildren(...takes.map(row));
  const shared = showShares();
  all.hidden = !takes.length;
  section.hidden = !takes.length && !said.textContent && !shared;
  element.dataset.kept = String(takes.length);
}

// Bytes of a JSON text in the letters that an address may have, and back.
const encode = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const decode = (letters) => new TextDecoder().decode(Uint8Array.from(atob(letters.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0)));
const linkOf = (settings, prompt) =>
  `${location.origin}${location.pathname}#take=${encode(settings)}${prompt ? `&prompt=${prompt}` : ""}`;

async function copyLink(settings, prompt = null) {
  section.hidden = false;
  const link = linkOf(settings, prompt);
  element.dataset.link = link;
  const has = prompt ? "the settings and the prompt" : "the settings and no sound";
  try {
    await navigator.clipboard.writeText(link);
    said.textContent = `The link is copied. It has ${has}${prompt ? "." : ": whoever opens it needs the same clip."}`;
  } catch { said.textContent = `Copy this link; it has ${has}: ${link}`; }
}

// Prompts that this browser shares: {key, prompt, name, until}; a key alone deletes the prompt found as `prompt`.
let unsaved = null; // the list where the browser stores nothing: it lasts as long as the page
function readShares() {
  if (unsaved) return unsaved;
  try { return JSON.parse(localStorage.getItem(SHARES) || "[]").filter(({ until }) => until > Date.now()); } catch { return []; }
}
function writeShares(shared) {
  try { localStorage.setItem(SHARES, JSON.stringify(shared)); } catch { unsaved = shared; }
  showShares();
}
function showShares() {
  const shared = readShares();
  shares.hidden = !shared.length;
  sharesList.replaceChildren(...shared.map(({ key, name, until }) => {
    const item = document.createElement("li"), text = document.createElement("span");
    const stop = Object.assign(document.createElement("button"), { type: "button", textContent: "Delete the prompt" });
    text.textContent = `${name}, kept until ${new Date(until).toLocaleDateString()}`;
    stop.setAttribute("aria-label", `Delete the prompt: ${name}`);
    stop.addEventListener("click", () => trigger("delete", { key }));
    item.append(text, stop);
    return item;
  }));
  return shared.length;
}
watch("value", () => {
  if (!props.value) return;
  section.hidden = false;
  said.textContent = props.value.said;
  writeShares(readShares().filter(({ key }) => key !== props.value.key));
  document.dispatchEvent(new CustomEvent("undertone:withdrawn", { detail: props.value.key }));
});

document.addEventListener("undertone:keep", async ({ detail }) => {
  try {
    const sound = await (await fetch(detail.url)).blob();
    await inStore("readwrite", (store) => store.add({ name: detail.name, settings: detail.settings, link: detail.link, sound }));
    said.textContent = `${detail.name} is kept in this browser.`;
    await show();
  } catch (error) { failed(error); }
});
document.addEventListener("undertone:link", ({ detail: { settings, name, shared } }) => {
  if (shared && !readShares().some(({ key }) => key === shared.key))
    writeShares([...readShares(), { key: shared.key, prompt: shared.name, name, until: Date.now() + shared.days * DAY_MS }]);
  copyLink(settings, shared?.name);
});
all.addEventListener("click", async () => {
  const takes = await inStore("readonly", (store) => store.getAll());
  const files = takes.flatMap((take, place) => {
    const name = `${String(place + 1).padStart(2, "0")} ${fileName(take.name)}`; // the number tells two of one name apart
    return [{ name: `${name}.wav`, input: take.sound }, { name: `${name}.json`, input: settingsOf(take) }];
  });
  try {
    download(await downloadZip(files).blob(), "undertone-takes.zip");
    said.textContent = "";
  } catch (error) { failed(error); }
});

function openLink() {
  const [, letters, prompt = ""] = /^#take=([\w-]{1,60000})(?:&prompt=([\w-]{1,64}))?$/.exec(location.hash) || [];
  if (!letters) return;
  let settings = "";
  try { settings = decode(letters); } catch { settings = "{}"; } // the server says what is wrong with it
  history.replaceState(null, "", location.pathname + location.search);
  const waiting = setInterval(() => {
    if (!document.querySelector("#go")) return; // the page is being laid out
    clearInterval(waiting);
    trigger("select", { settings, prompt });
  }, 100);
}
window.addEventListener("hashchange", openLink);
openLink();
show().catch(() => { section.hidden = !showShares(); }); // a browser that keeps nothing says so when it is asked to
