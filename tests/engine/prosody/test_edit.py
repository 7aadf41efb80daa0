"""Edits of latents: what they change, what they leave alone bit for bit, and what they refuse."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.engine import SettingsError
from undertone.engine.prosody import DimensionEdit, DirectionEdit, LatentEdit, LatentStatistics, apply_edit

T, Z = 100, 4  # two seconds
STATISTICS = LatentStatistics(
    mean=(0.0, 1.0, -1.0, 0.5), std=(1.0, 2.0, 0.5, 3.0), percentiles=((-3, -2, -1, 0, 1, 2, 3),) * Z
)


def latents(num_frames: int = T, seed: int = 0) -> torch.Tensor:
    return torch.randn(num_frames, Z, generator=torch.Generator().manual_seed(seed)) + torch.arange(Z)


def edited(x: torch.Tensor, *edits: DimensionEdit | DirectionEdit) -> torch.Tensor:
    return apply_edit(x, LatentEdit(edits=edits), STATISTICS)


def direction(**values: object) -> DirectionEdit:
    return DirectionEdit(
        name="loudness", vector=(1.0, 0.5, 0.0, -1.0), readout=(0.8, 0.0, 0.3, -0.2), **values
    )  # readout . vector = 1


@st.composite
def dimension_edits(draw: st.DrawFn) -> DimensionEdit:
    start = draw(st.none() | st.floats(0, 1.8))
    return DimensionEdit(
        dimension=draw(st.integers(0, Z - 1)),
        shift=draw(st.floats(-4, 4)),
        scale=draw(st.sampled_from([1.0, 0.0, 0.5, 2.0, -1.0])),
        smoothing_seconds=draw(st.sampled_from([0.0, 0.02, 0.1, 0.5])),
        flatten=draw(st.booleans()),
        start_seconds=start,
        end_seconds=draw(st.none() | st.floats((start or 0) + 0.01, 2.0)),
        fade_seconds=draw(st.sampled_from([0.0, 0.06, 1.0])),
    )


any_edit = st.lists(dimension_edits(), max_size=3).map(lambda edits: LatentEdit(edits=tuple(edits)))


def test_an_edit_that_changes_nothing_returns_the_very_tensor() -> None:
    x = latents()
    idle = LatentEdit(edits=(DimensionEdit(dimension=1), direction(start_seconds=0.5)))
    assert apply_edit(x, LatentEdit(), STATISTICS) is x
    assert apply_edit(x, idle, STATISTICS) is x
    assert idle.is_identity


@settings(deadline=None, max_examples=60)
@given(first=any_edit, second=any_edit)
def test_a_sum_of_edits_is_one_after_the_other_bit_for_bit(first: LatentEdit, second: LatentEdit) -> None:
    x = latents()
    in_turn = apply_edit(apply_edit(x, first, STATISTICS), second, STATISTICS)
    assert torch.equal(apply_edit(x, first + second, STATISTICS), in_turn)


@settings(deadline=None, max_examples=60)
@given(edit=dimension_edits())
def test_frames_outside_the_range_and_other_dimensions_keep_their_bits(edit: DimensionEdit) -> None:
    x = latents()
    kept = x.clone()
    changed = edited(x, edit)
    assert torch.equal(x, kept)  # the input is never changed
    others = [i for i in range(Z) if i != edit.dimension]
    assert torch.equal(changed[:, others], x[:, others])
    start = round((edit.start_seconds or 0) * 50)
    end = T if edit.end_seconds is None else max(round(edit.end_seconds * 50), start + 1)
    assert torch.equal(changed[:start], x[:start])
    assert torch.equal(changed[end:], x[end:])
    assert torch.isfinite(changed).all()


@settings(deadline=None, max_examples=60)
@given(edit=any_edit)
def test_an_edit_survives_json(edit: LatentEdit) -> None:
    assert LatentEdit.of(**json.loads(edit.model_dump_json())) == edit


def test_a_direction_survives_json() -> None:
    edit = LatentEdit(edits=(direction(shift=1.5, end_seconds=1.0), DimensionEdit(dimension=2, scale=0)))
    assert LatentEdit.of(**json.loads(edit.model_dump_json())) == edit


def test_a_shift_is_counted_in_sigmas_of_the_reference_speech() -> None:
    x = latents()
    torch.testing.assert_close(edited(x, DimensionEdit(dimension=1, shift=1.5))[:, 1], x[:, 1] + 3.0)
    along = edited(x, direction(shift=2.0)) - x
    torch.testing.assert_close(along, torch.tensor([2.0, 1.0, 0.0, -2.0]).expand(T, Z))


def test_a_scale_acts_around_the_mean_of_the_utterance() -> None:
    x = latents()
    changed = edited(x, DimensionEdit(dimension=3, scale=2.0))[:, 3]
    torch.testing.assert_close(changed.mean(), x[:, 3].mean())
    torch.testing.assert_close(changed.std(), 2 * x[:, 3].std())


def test_flattened_is_one_value_in_every_dimension() -> None:
    x = latents()
    flat = apply_edit(x, LatentEdit.flattened(Z), STATISTICS)
    assert torch.equal(flat, flat[:1].expand(T, Z))
    torch.testing.assert_close(flat[0], x.mean(0))


def test_smoothing_keeps_a_constant_and_takes_out_what_is_fast() -> None:
    x = latents()
    constant = torch.ones(T, Z)
    smooth = DimensionEdit(dimension=0, smoothing_seconds=0.3)
    torch.testing.assert_close(edited(constant, smooth), constant)
    roughness = [track[:, 0].diff().square().mean() for track in (edited(x, smooth), x)]
    assert roughness[0] < 0.05 * roughness[1]


def test_the_steps_have_their_order_flatten_scale_shift() -> None:
    x = latents()
    together = edited(x, DimensionEdit(dimension=0, smoothing_seconds=0.2, scale=0.5, shift=1.0))
    in_turn = edited(
        x,
        DimensionEdit(dimension=0, smoothing_seconds=0.2),
        DimensionEdit(dimension=0, scale=0.5),
        DimensionEdit(dimension=0, shift=1.0),
    )
    assert (together - in_turn).abs().max() < 0.1  # smoothing moves the mean a little, which only `in_turn` sees
    flat = edited(x, DimensionEdit(dimension=0, flatten=True, scale=5.0, shift=1.0))[:, 0]
    torch.testing.assert_close(flat, (x[:, 0].mean() + 1.0).expand(T))


def test_the_edges_of_a_range_rise_and_fall_inside_of_it() -> None:
    x = torch.zeros(T, Z)
    track = edited(x, DimensionEdit(dimension=0, shift=1, start_seconds=0.5, end_seconds=1.5, fade_seconds=0.1))[:, 0]
    assert track[24] == 0
    assert 0 < track[25] < track[27] < 1
    assert torch.equal(track[30:70], torch.ones(40))
    assert torch.equal(track[25:75], track[25:75].flip(0))
    assert track[75] == 0
    assert track[:30].diff().max() < 0.4  # no step


def test_a_range_to_the_end_of_the_utterance_has_no_fade_there() -> None:
    track = edited(torch.zeros(T, Z), DimensionEdit(dimension=0, shift=1, start_seconds=1.0))[:, 0]
    assert torch.equal(track[60:], torch.ones(40))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (DimensionEdit(dimension=4, shift=1), "dimensions 0 to 3"),
        (DimensionEdit(dimension=0, shift=1, start_seconds=2.0), "outside of the clip, which has 2 s"),
        (DimensionEdit(dimension=0, shift=1, end_seconds=2.5), "outside of the clip, which has 2 s"),
        (DirectionEdit(name="pitch", vector=(1.0,), readout=(1.0,), shift=1), "'pitch' has 1 entries"),
    ],
)
def test_what_the_latents_do_not_have_is_refused(edit: DimensionEdit | DirectionEdit, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        edited(latents(), edit)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dimension": 0, "shift": float("nan")}, "shift"),
        ({"dimension": 0, "shift": 11}, "shift"),
        ({"dimension": 0, "scale": float("inf")}, "scale"),
        ({"dimension": -1}, "dimension"),
        ({"dimension": 0, "smoothing_seconds": 3}, "smoothing_seconds"),
        ({"dimension": 0, "start_seconds": 1.0, "end_seconds": 0.5}, "must lie behind start_seconds"),
        ({"dimension": 0, "colour": 1}, "unknown key"),
    ],
)
def test_a_setting_out_of_its_range_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        LatentEdit.of(edits=[{"kind": "dimension", **values}])


def test_a_direction_that_is_not_one_sigma_long_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"readout \. vector is 2"):
        LatentEdit.of(edits=[{"kind": "direction", "vector": [1, 0], "readout": [2, 0]}])


def test_latents_that_are_not_finite_or_of_another_size_are_refused() -> None:
    with pytest.raises(SettingsError, match="not finite"):
        apply_edit(torch.full((T, Z), torch.nan), LatentEdit(), STATISTICS)
    with pytest.raises(SettingsError, match="of 4 dimensions and the latents have 3"):
        apply_edit(torch.zeros(T, 3), LatentEdit(), STATISTICS)
    with pytest.raises(SettingsError, match="at least one frame"):
        apply_edit(torch.zeros(0, Z), LatentEdit(), STATISTICS)


def test_statistics_are_those_of_the_frames() -> None:
    x = latents(5000)
    found = LatentStatistics.of(x)
    torch.testing.assert_close(torch.tensor(found.std), x.std(0), rtol=1e-4, atol=0)
    low, high = found.slider_range(0)
    assert low == pytest.approx(-1.96, abs=0.1)
    assert high == pytest.approx(1.96, abs=0.1)
    with pytest.raises(SettingsError, match="measured"):
        found.slider_range(0, 3.0)
    with pytest.raises(SettingsError, match="give no statistics"):
        LatentStatistics.of(x[:1])
