"""The guard in front of Gradio: checks what reaches a page's Blocks from outside and filters what they answer.

`mount_page` puts a Blocks behind a `Gate`, which knows the few routes that a page needs, checks every body before
Gradio sees it and hands files only to the visitor for whom they were made.
"""

# Nothing is imported here: `body_limit` is needed where Gradio, which `mount` imports, is not.
