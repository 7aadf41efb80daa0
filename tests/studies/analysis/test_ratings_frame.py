"""A table of ratings is checked wherever it comes from."""

import numpy as np
import pandas as pd
import pytest

from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.analysis.mos import mos
from undertone.studies.analysis.pairs import compare
from undertone.studies.analysis.ratings_frame import checked_ratings, select
from undertone.studies.analysis.simulation.simulate import Design, simulate

SCALE = "naturalness"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    people = VarianceComponents.of_deviations(0.5, 0.3, 0.2, 0.2, 0.7)
    return simulate(Design(2, 10, 8, 10), np.array([3.0, 3.5]), people, seed=1)


@pytest.mark.parametrize("verdict", [float("nan"), None, pd.NA, "", "nan", "False", "false", "0", 0, 0.0, False])
def test_only_a_true_verdict_counts_as_accepted(frame: pd.DataFrame, verdict: object) -> None:
    judged = frame.assign(accepted=pd.Series([verdict] * 10 + [True] * (len(frame) - 10), dtype=object))
    assert len(select(judged, SCALE)) == len(frame) - 10
    assert len(select(judged, SCALE, screened=False)) == len(frame)


@pytest.mark.parametrize("verdict", [True, np.True_, "True", " true ", "1", 1])
def test_a_verdict_may_be_written_as_a_word(frame: pd.DataFrame, verdict: object) -> None:
    assert len(select(frame.assign(accepted=pd.Series([verdict] * len(frame), dtype=object)), SCALE)) == len(frame)


def test_a_verdict_that_is_none_is_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(AnalysisError, match="accepted is 'perhaps'"):
        select(frame.assign(accepted="perhaps"), SCALE)


def test_a_score_outside_of_its_scale_is_refused_with_its_trial(frame: pd.DataFrame) -> None:
    wrong = frame.assign(value=frame["value"].where(frame.index != 3, 55.0))
    trial = frame["trial"].iloc[3]
    with pytest.raises(AnalysisError, match=f"trial {trial} has 55 on 'naturalness'; the scale goes from 1 to 5"):
        checked_ratings(wrong, {SCALE: (1, 5)})
    assert len(checked_ratings(frame, {SCALE: (1, 5)})) == len(frame)


@pytest.mark.parametrize("column", ["rater", "prompt", "system", "stimulus"])
@pytest.mark.parametrize("empty", [float("nan"), None, " "])
def test_a_rating_without_an_id_is_refused(frame: pd.DataFrame, column: str, empty: object) -> None:
    wrong = frame.assign(**{column: frame[column].astype(object).where(frame.index != 3, empty)})
    for use in (mos, compare):
        with pytest.raises(AnalysisError, match=f"has no {column}"):
            use(wrong, SCALE)


def test_the_order_of_rows_and_the_type_of_numbers_change_nothing(frame: pd.DataFrame) -> None:
    mixed = frame.sample(frac=1, random_state=0).assign(value=lambda table: table["value"].astype(str))
    ours, theirs = compare(frame, SCALE).pairs[0], compare(mixed, SCALE).pairs[0]
    assert (ours.value, ours.df, ours.p) == pytest.approx((theirs.value, theirs.df, theirs.p))
