"""The preview of a link to a page where it is shared: the page's own name and words instead of Gradio's."""

import re
from pathlib import Path

from gradio.routes import STATIC_TEMPLATE_LIB, templates
from jinja2 import BaseLoader, ChoiceLoader, DictLoader

NAME = "frontend/index.html"
WORDS = "Say something and hear how a spoken language model goes on, or says the same words another way."
_TAG = re.compile(r'<meta\s+(?:property|name)="(?:og|twitter):[^>]*?/>\s*', re.DOTALL)


def preview_tags() -> str:
    """Return the tags of every page, whose title is filled in when it is served; without a picture."""
    title = "{{ (config['title'] or 'Undertone') | e }}"
    return "\n".join(
        [
            f'<meta property="og:title" content="{title}" />',
            '<meta property="og:type" content="website" />',
            '<meta property="og:site_name" content="Undertone" />',
            f'<meta property="og:description" content="{WORDS}" />',
            '<meta name="twitter:card" content="summary" />',
            f'<meta name="twitter:title" content="{title}" />',
            f'<meta name="twitter:description" content="{WORDS}" />',
        ]
    )


def use_own_preview() -> None:
    """Serve pages with our tags: Gradio's template has its own in front of any that a page adds to its head."""
    text = _TAG.sub("", (Path(STATIC_TEMPLATE_LIB) / NAME).read_text(encoding="utf-8"))
    own = DictLoader({NAME: text.replace("</head>", f"{preview_tags()}\n</head>", 1)})
    loader = templates.env.loader
    assert isinstance(loader, BaseLoader)
    if not isinstance(loader, ChoiceLoader):
        templates.env.loader = ChoiceLoader([own, loader])
        if templates.env.cache is not None:
            templates.env.cache.clear()
