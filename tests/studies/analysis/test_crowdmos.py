"""The CrowdMOS interval: known numbers of the package that older reports were made with (mean-opinion-score 0.0.2)."""

import numpy as np
import pytest

from undertone.studies.analysis.crowdmos import crowdmos_half_width

N = np.nan


@pytest.mark.parametrize(
    ("table", "half_width"),
    [
        ([[5, 4, 3], [4, 4, 2], [N, 5, 3], [3, 2, 1]], 2.7158268),
        ([[5, N, N], [N, 4, N], [N, N, 2]], 3.0982641),
        ([[5, 3, N, N], [N, N, 4, 1]], 9.3963651),
    ],
    ids=["raters and clips", "one rating each", "one rating a clip"],
)
def test_known_tables_give_the_published_numbers(table: list[list[float]], half_width: float) -> None:
    assert crowdmos_half_width(np.array(table, dtype=float)) == pytest.approx(half_width, rel=1e-6)


@pytest.mark.parametrize("table", [np.ones((1, 4)), np.ones((4, 1)), np.full((3, 3), np.nan)])
def test_a_table_without_an_estimate_has_no_interval(table: np.ndarray) -> None:
    assert crowdmos_half_width(table) is None
