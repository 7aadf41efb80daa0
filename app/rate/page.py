"""The page of all raters: it holds nothing of any study but its language until its script has asked for it."""

import re
from functools import cache
from html import escape, unescape
from pathlib import Path

from fastapi.responses import HTMLResponse

from undertone.app.asgi.plain_page import plain_page
from undertone.studies.design.framing import form_targets
from undertone.studies.design.languages import PageWords

_SAID = re.compile(r"data-said([^>]*)>([^<]*)<")
_FOLDER = Path(__file__).parent
SCRIPTS = (  # in this order, one scope
    *("words.js", "elements.js", "server.js", "player.js", "forms.js", "clips.js", "sets.js", "mushra.js", "page.js"),
)


def rate_page(framed_by: tuple[str, ...] = (), words: PageWords | None = None) -> HTMLResponse:
    """Return the page with its script and style inside, so that it arrives whole or not at all.

    Args:
        framed_by: origins that the study names.
        words: the study's language; None for English, which the script may still replace.
    """
    words = words or PageWords()
    return plain_page(
        words.say("Listening study"),
        _said_in(words),
        script=_script(),
        style=_style(),
        framed_by=framed_by,
        forms_to=form_targets(framed_by),
        language=words.language,
        direction=words.direction,
        skip=words.say("Skip to the content"),
    )


def _said_in(words: PageWords) -> str:
    """Return the body in a language; each element keeps its English text, by which the script knows the message."""

    def say(found: re.Match[str]) -> str:
        english = unescape(found[2])
        return f'data-said="{escape(english)}"{found[1]}>{escape(words.say(english))}<'

    return _SAID.sub(say, _BODY)


@cache
def _script() -> str:
    parts = [(_FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "\n})();\n"


@cache
def _style() -> str:
    return (_FOLDER / "rate.css").read_text(encoding="utf-8")


_BODY = """
<main id="main">
  <div id="connection" class="note note-warning" role="status" hidden></div>
  <section id="card" class="card" aria-busy="true"><h1 id="heading" tabindex="-1" data-said>One moment …</h1></section>
  <noscript><p class="note note-problem" data-said>This page needs JavaScript. Switch it on and load it again.</p>
  </noscript>
</main>
<footer id="foot" class="soft small" hidden>
  <p><span data-said>To go on later or on another device, open this page there and enter your code:</span>
  <b id="code" dir="ltr"></b></p>
  <p><button type="button" class="link" id="withdraw" data-said>Stop and delete my data</button>
  <button type="button" class="link" id="another" data-said hidden>I am another person</button></p>
</footer>
<div id="said" class="unseen" role="status" aria-live="polite"></div>
<dialog id="handover" aria-labelledby="handover-heading">
  <h2 id="handover-heading" data-said>Begin as another person?</h2>
  <p><span data-said>Whoever took part here can go on later with this code:</span>
  <b class="code" id="handover-code" dir="ltr"></b></p>
  <p class="row"><button type="button" class="button" value="no" data-said>Go on here</button>
  <button type="button" class="button primary" value="yes" data-said>Begin as another person</button></p>
</dialog>
<dialog id="sure" aria-labelledby="sure-heading">
  <h2 id="sure-heading" data-said>Delete everything you have given?</h2>
  <p data-said>Your answers in this study are deleted and you get no completion code. This cannot be undone.</p>
  <p class="row"><button type="button" class="button" value="no" data-said>Keep my answers</button>
  <button type="button" class="button danger" value="yes" data-said>Delete my data</button></p>
</dialog>"""
