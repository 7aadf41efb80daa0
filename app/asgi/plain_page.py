"""Pages without Gradio in the site's look: self-contained, never cached, and allowed to load nothing."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path

from fastapi.responses import HTMLResponse

_STYLE_PATH = Path(__file__).with_name("plain.css")

SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


@cache
def plain_style() -> str:
    """Return the style sheet of these pages."""
    return _STYLE_PATH.read_text(encoding="utf-8")


def plain_page(
    title: str,
    body: str,
    status: int = 200,
    script: str = "",
    style: str = "",
    framed_by: Sequence[str] = (),
    forms_to: Sequence[str] = (),
    language: str = "en",
    direction: str = "ltr",
    skip: str = "Skip to the content",
) -> HTMLResponse:
    """Return a whole page.

    Args:
        title: shown in the browser's tab.
        body: HTML between the site's header and the end.
        script: inline, allowed by its hash; nothing else can run.
        style: added to the common style.
        framed_by: origins that may hold the page in a frame, beside this site's own and the Hub's.
        forms_to: origins that its forms may be sent to, beside this site's own.
        language: tag of the page's language.
        direction: in which it is written, "ltr" or "rtl".
        skip: words of the link over the header.
    """
    styles = plain_style() + style
    forms, frames = " ".join(("'self'", *forms_to)), " ".join(("'self'", "https://huggingface.co", *framed_by))
    policy = (
        f"default-src 'none'; script-src {_source(script)}; style-src {_source(styles)}; connect-src 'self'; "
        f"media-src blob:; img-src data:; form-action {forms}; base-uri 'none'; frame-ancestors {frames}"
    )
    content = f"""<!doctype html>
<html lang="{escape(language)}" dir="{direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · Undertone</title>
<link rel="icon" href="data:,">
<style>{styles}</style>
</head>
<body>
<a class="skip" href="#main">{escape(skip)}</a>
<header class="site"><span class="brand">Undertone</span></header>
{body}
{f"<script>{script}</script>" if script else ""}
</body>
</html>"""
    return HTMLResponse(content, status, headers={**SAFE_HEADERS, "Content-Security-Policy": policy})


def _source(text: str) -> str:
    """Return the hash by which a policy allows an inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" if text else "'none'"


def problem_page(title: str, text: str, back: str, status: int = 400) -> HTMLResponse:
    """Return a page that says what went wrong and offers a way back."""
    body = f"""
<main id="main" class="card narrow">
  <h1>{escape(title)}</h1>
  <p class="note note-problem" role="alert">{escape(text)}</p>
  <p><a class="button" href="{escape(back)}">Back</a></p>
</main>"""
    return plain_page(title, body, status=status)
