// The takes that a visitor keeps, in the browser's own database: {id, name, settings, sound, seconds}, settings as JSON
// text and the sound as a Blob. And links to takes: the settings behind "#take=" are loaded as if their file were chosen.
const section = element.querySelector(".library"), list = element.querySelector(".library-list");
const said = element.querySelector(".library-said"), all = element.querySelector(".library-all");
const NAME = "undertone", STORE = "takes", MOST_NAME_CHARS = 80, PATIENCE_MS = 60000;

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
  button("Copy the link", () => copyLink(take.settings));
  button("Delete", () => inStore("readwrite", (store) => store.delete(take.id)).then(show, failed));
  return item;
}

async function show() {
  list.querySelectorAll("audio").forEach((sound) => URL.revokeObjectURL(sound.src));
  const takes = await inStore("readonly", (store) => store.getAll());
  list.replaceChildren(...takes.map(row));
  all.hidden = !takes.length;
  section.hidden = !takes.length && !said.textContent;
  element.dataset.kept = String(takes.length);
}

// Bytes of a JSON text in the letters that an address may have, and back.
const encode = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const decode = (letters) => new TextDecoder().decode(Uint8Array.from(atob(letters.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0)));
const linkOf = (settings) => `${location.origin}${location.pathname}#take=${encode(settings)}`;

async function copyLink(settings) {
  section.hidden = false;
  const link = linkOf(settings);
  element.dataset.link = link;
  try {
    await navigator.clipboard.writeText(link);
    said.textContent = "The link is copied. It has the settings and no sound: whoever opens it needs the same clip.";
  } catch { said.textContent = `Copy this link; it has the settings and no sound: ${link}`; }
}

document.addEventListener("undertone:keep", async ({ detail }) => {
  try {
    const sound = await (await fetch(detail.url)).blob();
    await inStore("readwrite", (store) => store.add({ name: detail.name, settings: detail.settings, sound }));
    said.textContent = `${detail.name} is kept in this browser.`;
    await show();
  } catch (error) { failed(error); }
});
document.addEventListener("undertone:link", ({ detail }) => copyLink(detail.settings));
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
  const letters = /^#take=([\w-]{1,60000})$/.exec(location.hash)?.[1], end = Date.now() + PATIENCE_MS;
  if (!letters) return;
  let text = "";
  try { text = decode(letters); } catch { text = "{}"; } // the server says what is wrong with it
  history.replaceState(null, "", location.pathname + location.search);
  const waiting = setInterval(() => {
    const input = document.querySelector("#replay input[type=file], input#replay[type=file]") || document.querySelector("#replay")?.parentElement?.querySelector("input[type=file]");
    if (Date.now() > end) clearInterval(waiting);
    if (!input) return;
    clearInterval(waiting);
    const files = new DataTransfer();
    files.items.add(new File([text], "take.json", { type: "application/json" }));
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, 200);
}
window.addEventListener("hashchange", openLink);
openLink();
show().catch(() => { section.hidden = true; }); // a browser that keeps nothing says so when it is asked to
