"""How often Python looks for garbage: seldom, as what the process loads is none."""

import gc

THRESHOLDS = 50_000, 20, 50  # new objects, and collections of the younger generation; Python's own are 700, 10, 10


def collect_garbage_seldom() -> None:
    """Make collections rare in this process: loading PyTorch and Gradio makes a million objects that stay.

    With Python's own thresholds a sixth of a start goes into looking through them, again and again.
    """
    gc.set_threshold(*THRESHOLDS)


def keep_what_is_loaded() -> None:
    """Leave all objects of now out of later collections, which would each hold answers up for a third of a second."""
    gc.freeze()
