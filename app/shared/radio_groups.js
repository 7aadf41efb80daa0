// Gradio names every radio button differently, which makes each a tab stop of its own and leaves the arrow keys without
// effect. Give those of one widget one name, as a form would.
const nameRadios = () => {
  document.querySelectorAll("fieldset, .block").forEach((widget) => {
    const radios = widget.querySelectorAll(":scope > .wrap input[type=radio]");
    radios.forEach((radio) => { if (radio.name !== radios[0].name) radio.name = radios[0].name; });
  });
};
new MutationObserver(nameRadios).observe(document.documentElement, {
  childList: true, subtree: true, attributes: true, attributeFilter: ["name"],
});
