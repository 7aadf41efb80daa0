"""Holm's correction is statsmodels' to the last digits, in any order and with ties."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from undertone.studies.measures.holm import holm


@pytest.mark.parametrize("number", [1, 2, 7, 30])
def test_it_is_the_one_of_statsmodels(number: int) -> None:
    p = np.random.default_rng(number).beta(0.3, 2, number).round(2)
    assert holm(list(p)) == pytest.approx(list(multipletests(p, method="holm")[1]), abs=1e-12)


def test_no_test_needs_no_correction() -> None:
    assert holm([]) == []
