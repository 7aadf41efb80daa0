"""Building Blocks that are served by nobody yet."""

from collections.abc import Iterator
from contextlib import contextmanager

from gradio.routes import App


@contextmanager
def unserved_blocks() -> Iterator[None]:
    """Let Gradio build Blocks without an application of their own.

    It makes one when Blocks begin, end and get their queue, a fifth of a second each, and another one that serves them
    when they are mounted, which `undertone.app.guard.mount.mount_page` does. Blocks of this block cannot be launched.
    """
    create_app = App.create_app
    App.create_app = staticmethod(lambda *_given, **_named: None)
    try:
        yield
    finally:
        App.create_app = staticmethod(create_app)
