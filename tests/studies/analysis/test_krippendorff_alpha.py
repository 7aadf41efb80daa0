"""Alpha is that of Krippendorff's own worked examples, and behaves as agreement must."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from undertone.studies.analysis.krippendorff_alpha import Level, krippendorff_alpha

# "Computing Krippendorff's Alpha-Reliability" (2011), sections A to C and E; 0 is a missing rating.
BINARY = [[1, 2, 1, 1, 1, 1, 1, 1, 2, 1], [2, 2, 2, 1, 1, 2, 1, 1, 1, 1]]
NOMINAL = [[1, 1, 2, 2, 4, 3, 3, 3, 5, 4, 4, 1], [2, 1, 2, 2, 2, 3, 3, 3, 5, 4, 4, 4]]
MISSING = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
]
DOMAIN = np.arange(1.0, 6.0)


def counts_of(ratings: list[list[int]]) -> NDArray[np.int64]:
    table = np.array(ratings).T
    return np.stack([(table == value).sum(1) for value in DOMAIN], 1)


@pytest.mark.parametrize(
    ("ratings", "level", "published"),
    [
        (BINARY, "nominal", 0.095),
        (NOMINAL, "nominal", 0.692),
        (MISSING, "nominal", 0.743),
        (MISSING, "ordinal", 0.815),
        (MISSING, "interval", 0.849),
    ],
)
def test_the_published_examples(ratings: list[list[int]], level: Level, published: float) -> None:
    found = krippendorff_alpha(counts_of(ratings), DOMAIN, level)
    assert found is not None
    assert round(found, 3) == published


def by_pairs(counts: NDArray[np.int64], domain: NDArray[np.float64], level: Level) -> float:
    """Alpha by its definition: the mean distance within units, each pair of ratings by itself, against all pairs."""
    units = [np.repeat(np.arange(len(domain)), row) for row in counts if row.sum() >= 2]
    pooled = np.concatenate(units)
    frequency = np.bincount(pooled, minlength=len(domain))

    def distance(a: int, b: int) -> float:
        low, high = sorted((a, b))
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return float(domain[a] - domain[b]) ** 2
        return float(frequency[low : high + 1].sum() - (frequency[low] + frequency[high]) / 2) ** 2

    within = sum(
        distance(unit[i], unit[j]) / (len(unit) - 1)
        for unit in units for i in range(len(unit)) for j in range(len(unit)) if i != j
    ) / len(pooled)  # fmt: skip
    all_pairs = sum(distance(a, b) for i, a in enumerate(pooled) for j, b in enumerate(pooled) if i != j)
    return 1 - within / (all_pairs / (len(pooled) * (len(pooled) - 1)))


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=2, max_size=6),
    st.sampled_from(["nominal", "ordinal", "interval"]),
)
def test_it_is_the_definition_over_pairs(rows: list[list[int]], level: Level) -> None:
    counts, domain = np.array(rows), np.array([-2.0, 0.0, 0.5, 7.0])
    paired = counts[counts.sum(1) >= 2]
    found = krippendorff_alpha(counts, domain, level)
    if (paired.sum(0) > 0).sum() < 2:
        assert found is None
    else:
        assert found == pytest.approx(by_pairs(counts, domain, level), abs=1e-9)


def test_agreement_is_one_and_an_unused_value_changes_nothing() -> None:
    agreeing = np.diag([3, 2, 4])
    for level in ("nominal", "ordinal", "interval"):
        assert krippendorff_alpha(agreeing, np.array([1.0, 2.0, 3.0]), level) == pytest.approx(1.0)  # type: ignore[arg-type]
    counts = counts_of(MISSING)
    wider = np.insert(counts, 2, 0, axis=1)
    for level in ("nominal", "ordinal", "interval"):
        assert krippendorff_alpha(wider, np.insert(DOMAIN, 2, 2.5), level) == pytest.approx(  # type: ignore[arg-type]
            krippendorff_alpha(counts, DOMAIN, level)  # type: ignore[arg-type]
        )
