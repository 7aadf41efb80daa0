"""The precision by which designs are compared is not better for having been simulated seldom."""

import numpy as np
import pytest

from undertone.studies.analysis.simulation.choosing import _precision


@pytest.mark.parametrize("studies", [6, 12, 48])
def test_few_studies_give_the_precision_of_many_on_average(studies: int) -> None:
    truth = np.array([0.5, 0.8, 0.3])  # of three systems: two neighbours and the pair of the ends
    random = np.random.default_rng(0)
    found = [_precision(truth + random.standard_normal((studies, 3)), truth, systems=3) for _ in range(4000)]
    assert np.mean(found) == pytest.approx((0.5**2 + 0.3**2) / 2, rel=0.05)
