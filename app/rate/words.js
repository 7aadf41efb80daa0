// The page in the study's language. A message is known by its English text; {name} in it stands for a value.
let words = { language: "en", direction: "ltr", messages: {} };

function t(text, values = {}) {
  let said = words.messages[text] ?? text;
  if (typeof said === "object") said = said[new Intl.PluralRules(words.language).select(values.count)] ?? said.other;
  return said.replace(/\{(\w+)\}/g, (whole, name) => {
    if (!(name in values)) return whole;
    return typeof values[name] === "number" ? new Intl.NumberFormat(words.language).format(values[name]) : values[name];
  });
}

// Puts the page itself into the language: what was in it before this script began.
function speak(fresh) {
  if (!fresh) return;
  words = fresh;
  document.documentElement.lang = words.language;
  document.documentElement.dir = words.direction;
  for (const element of document.querySelectorAll("[data-said]")) element.textContent = t(element.dataset.said);
  document.querySelector(".skip").textContent = t("Skip to the content");
  if (!current) document.title = t("Listening study");
}
