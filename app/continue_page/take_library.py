"""The takes that a visitor keeps in the browser, never on the server, and links that make a take again."""

from pathlib import Path

import gradio as gr

from undertone.app.shared.widgets import scripted_html

_SCRIPTS = ("client_zip.js", "take_library.js")
_TEMPLATE = """
<section class="tools library" aria-label="Kept takes" hidden>
  <h3>Kept takes</h3>
  <p class="hint">They lie in this browser alone, sounds (16 bit) and settings, until you delete them.</p>
  <ul class="library-list"></ul>
  <button type="button" class="library-all">Download all, one zip</button>
  <div class="library-shares" hidden>
    <h3>Shared prompts</h3>
    <p class="hint">Parts of your recordings that you share with links, kept on this server.</p>
    <ul class="library-list library-shares-list"></ul>
  </div>
  <p class="library-said" role="status"></p>
</section>
"""


def build_take_library() -> gr.HTML:
    """Build the list, hidden until something is kept; its script also opens links to takes.

    Cards ask for a take to be kept by the event `undertone:keep` {name, settings, url, link}. A link has the settings
    behind its `#take=`, and the name of the prompt where that is shared, which browsers do not send: the page passes
    them on by `select` when it is opened. `delete` has the key of a prompt that is not to be shared any more.
    """
    return scripted_html(
        _TEMPLATE,
        *map(Path(__file__).with_name, _SCRIPTS),
        elem_id="take-library",
    )
