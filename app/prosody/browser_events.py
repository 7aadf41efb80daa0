"""Values that the server sends to the page's own scripts: each becomes an event in the browser.

A script that is loaded later, as its part of the page was hidden, finds the last value in `window.undertoneSent`.
"""

import gradio as gr

_SCRIPT = """
watch("value", () => {
  (window.undertoneSent ||= {})["%s"] = props.value;
  document.dispatchEvent(new CustomEvent("undertone:%s", { detail: props.value }));
});
"""


def channel(name: str) -> gr.HTML:
    """Build an unseen widget; what is put into it arrives as `undertone:NAME` with the value as its detail."""
    return gr.HTML(
        value=None,
        html_template="",
        js_on_load=_SCRIPT % (name, name),
        apply_default_css=False,
        elem_id=f"channel-{name}",
        elem_classes="channel",
    )
