// A button that goes away takes the focus with it, and whoever uses the keyboard is back at the top of the page. Give the
// focus to the button that has come in its place (Cancel for Continue, and back), else to where it was before.
const FOCUS_PARTNERS = { go: ["cancel"], cancel: ["go"] }, FOCUS_PATIENCE_MS = 4000;
const focused = [];
let focusLost = null;
const canFocus = (element) => element && element.isConnected && !element.disabled && element.getClientRects().length > 0;
document.addEventListener("focusin", ({ target }) => {
  if (target === focused.at(-1)) return;
  focused.push(target);
  if (focused.length > 8) focused.shift();
});
// A press of the mouse on nothing takes the focus on purpose.
document.addEventListener("pointerdown", ({ target }) => {
  if (!target.closest("button, a, input, select, textarea, label, [tabindex]")) focused.length = 0;
}, true);
setInterval(() => {
  if (document.activeElement && document.activeElement !== document.body) { focusLost = null; return; }
  const last = focused.at(-1);
  if (!last || canFocus(last)) { focusLost = null; return; }
  focusLost ||= Date.now();
  const partner = (FOCUS_PARTNERS[last.id] || []).map((id) => document.getElementById(id)).find(canFocus);
  const before = () => focused.findLast((element) => canFocus(element));
  const next = partner || (Date.now() - focusLost > FOCUS_PATIENCE_MS || !FOCUS_PARTNERS[last.id] ? before() : null);
  if (next) { focusLost = null; next.focus({ preventScroll: true }); }
}, 120);
