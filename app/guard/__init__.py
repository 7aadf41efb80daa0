"""The guard in front of Gradio: what reaches a page's Blocks from outside, and what leaves them.

`mount_page` puts a Blocks behind a `Gate`, which knows the few routes that a page needs, checks every body before
Gradio sees it and hands files only to the visitor for whom they were made.
"""

from app.guard.body_limit import BodyLimit
from app.guard.limits import Limits
from app.guard.mount import mount_page
from app.guard.visitors import Visitors

__all__ = ["BodyLimit", "Limits", "Visitors", "mount_page"]
