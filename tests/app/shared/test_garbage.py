"""A process that loads much looks for garbage seldom, and finds what is garbage all the same."""

import gc
import weakref

from undertone.app.shared.garbage import THRESHOLDS, collect_garbage_seldom, keep_what_is_loaded


class Knot:
    """Object that refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_loaded_is_left_alone_and_later_garbage_is_collected() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        collect_garbage_seldom()
        assert gc.get_threshold() == THRESHOLDS
        kept = Knot()
        keep_what_is_loaded()
        assert gc.get_freeze_count() > frozen
        assert not any(found is kept for found in gc.get_objects())
        gone = weakref.ref(Knot())
        # Objects of other threads that go meanwhile are counted against these.
        made = [[] for _ in range(2 * THRESHOLDS[0])]  # type: ignore[var-annotated]
        assert len(made) > THRESHOLDS[0]
        assert gone() is None
    finally:
        gc.set_threshold(*before)
