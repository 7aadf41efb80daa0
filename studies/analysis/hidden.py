"""Results of a study that still runs, without what must not be looked at before its stopping rule is reached."""

from dataclasses import replace

from undertone.studies.analysis.bootstrap import Bootstrap
from undertone.studies.analysis.mixed import MixedModel
from undertone.studies.analysis.pairs import Comparison, SystemDifference
from undertone.studies.analysis.preferences import Preferences

WHY = (
    "Tests and intervals of differences are hidden until the study is closed or every clip has the raters it wants: "
    "whoever looks at them again and again and stops when they please finds differences that are none."
)
HIDDEN = "hidden while the study runs"


def without_tests(comparison: Comparison) -> Comparison:
    """Return the differences without intervals and p values."""
    return replace(comparison, pairs=tuple(_without_test(pair) for pair in comparison.pairs))


def _without_test(pair: SystemDifference) -> SystemDifference:
    return replace(
        pair,
        low=None,
        high=None,
        standard_error=None,
        t=None,
        p=None,
        p_holm=None,
        low_adjusted=None,
        high_adjusted=None,
        note=HIDDEN,
    )


def without_preference_tests(found: Preferences) -> Preferences:
    """Return the preferences without intervals and p values."""
    pairs = tuple(
        replace(
            pair,
            p=None,
            p_holm=None,
            preference=replace(pair.preference, low=None, high=None, standard_error=None, note=HIDDEN),
        )
        for pair in found.pairs
    )
    return replace(found, pairs=pairs)


def without_differences(bootstrap: Bootstrap, mixed: MixedModel) -> tuple[Bootstrap, MixedModel]:
    """Return both second opinions without those on differences."""
    return replace(bootstrap, differences=()), replace(mixed, differences=())
