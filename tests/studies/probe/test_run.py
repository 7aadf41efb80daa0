"""The probe on a tiny bundle: a whole report that goes back into the bundle, names from numbers, and the plot."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from tests.clips import speechlike, write_wav16
from tests.engine.audio.test_reading import encoded_with_av
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.cli.main import app
from undertone.engine import Engine, Sampling
from undertone.engine.bundle import fingerprint, load_bundle
from undertone.engine.errors import BundleError
from undertone.engine.probe import Effect, Measured, ProbeReport, effect_range, is_monotone, load_probe
from undertone.engine.prosody import DimensionEdit, LatentEdit, reference_statistics, resynthesise
from undertone.studies.errors import MeasureError
from undertone.studies.evaluation.other_systems import OtherSystem
from undertone.studies.measures.heldout import DurationRange
from undertone.studies.probe.attributes import CLIP_ATTRIBUTES
from undertone.studies.probe.clips import probe_clips
from undertone.studies.probe.directions import TARGETS
from undertone.studies.probe.names import importance, name_effects, number_duplicates
from undertone.studies.probe.plot import write_plot
from undertone.studies.probe.report import MIN_CLIP_SHARE, SIGMAS, dimension_edits, group_effects
from undertone.studies.probe.run import probe_bundle, stored_report
from undertone.studies.probe.sweep import render_sweep, sweep

FAST = Sampling(steps=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for index, speaker in enumerate(("anna", "ben", "ben")):
        (folder / speaker).mkdir(exist_ok=True)
        write_wav16(folder / speaker / f"{index}.wav", speechlike(2.5, hz=110 + 40 * index, seed=index))
    write_wav16(folder / "short.wav", speechlike(1.0))
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="module")
def report(bundle: Path, data: Path) -> ProbeReport:
    before = fingerprint(bundle)
    lines = list(probe_bundle(bundle, data, num_clips=2, sampling=FAST, clip_seconds=2.0, workers=0))
    assert fingerprint(bundle) == before
    assert "2 clips of 2 speakers" in lines[-1]
    return stored_report(bundle)


def effects(*values: float, half_width: float = 0.1) -> tuple[Effect, ...]:
    return tuple(
        Effect(sigma=sigma, value=value, low=value - half_width, high=value + half_width, clips=20)
        for sigma, value in zip(SIGMAS, values, strict=True)
    )


def test_the_report_covers_every_dimension_and_is_found_by_the_engine(report: ProbeReport, bundle: Path) -> None:
    engine = Engine.from_pretrained(bundle, device="cpu")
    assert engine.bundle.probe == report
    assert [probe.index for probe in report.dimensions] == [0, 1, 2, 3]
    named = {direction.name for direction in report.directions}
    assert named | set(report.missing_directions) == {name for _, name in TARGETS.values()}
    assert not named & set(report.missing_directions)
    assert report.num_clips == 2
    assert report.num_speakers == 2
    assert report.cluster == "clip"
    for probe in (*report.dimensions, *report.directions):
        assert probe.slider_low < 0 < probe.slider_high
        assert probe.evidence
        assert set(probe.effects) <= set(CLIP_ATTRIBUTES)
        assert "energy" in probe.effects
        for found in probe.effects.values():
            assert [effect.sigma for effect in found] == list(SIGMAS)
            assert all(effect.low <= effect.value <= effect.high for effect in found)
    order = [probe.importance for probe in report.by_importance()]
    assert order == sorted(order, reverse=True)


def test_sigmas_are_those_of_the_report_once_a_bundle_is_probed(
    report: ProbeReport, bundle: Path, tmp_path: Path
) -> None:
    engine = Engine.from_pretrained(bundle, device="cpu")
    speech = engine.analyse(speechlike(2.0), 16_000)
    edit = LatentEdit(edits=(DimensionEdit(dimension=2, shift=1.0),))
    rendering = resynthesise(engine, speech, edit, sampling=FAST)
    assert rendering.settings.statistics == report.statistics == reference_statistics(engine, speech)
    moved = (rendering.speech.latents - speech.latents)[:, 2]
    torch.testing.assert_close(moved, torch.full_like(moved, report.statistics.std[2]), rtol=1e-3, atol=1e-5)
    unprobed = shutil.copytree(bundle, tmp_path / "copy")
    (unprobed / "probe.json").unlink()
    fresh = Engine.from_pretrained(unprobed, device="cpu")
    assert fresh.bundle.probe is None
    assert reference_statistics(fresh, speech) != report.statistics


def test_a_report_of_other_weights_is_left_out_and_a_broken_one_is_named(
    report: ProbeReport, bundle: Path, tmp_path: Path
) -> None:
    other = make_tiny_bundle(tmp_path / "other", seed=1)
    shutil.copy(bundle / "probe.json", other)
    assert load_bundle(other).probe is None
    with pytest.raises(MeasureError, match="run `undertone probe"):
        stored_report(other)
    values = json.loads((bundle / "probe.json").read_text())
    (other / "probe.json").write_text(json.dumps({**values, "colour": 1}))
    with pytest.raises(BundleError, match="unknown key 'colour'"):
        load_probe(other, report.bundle_sha256)
    (other / "probe.json").write_text("{")
    with pytest.raises(BundleError, match="is not JSON"):
        load_bundle(other)


def test_a_batch_of_variants_is_what_each_is_alone(bundle: Path) -> None:
    engine = Engine.from_pretrained(bundle, device="cpu")
    speech = engine.analyse(speechlike(2.0), 16_000)
    variants = [speech.latents, speech.latents + 1, speech.latents * 0]
    together = render_sweep(engine, speech, variants, FAST, seed=3)
    whole = FAST.model_copy(update={"blocks": False})
    for sound, latents in zip(together, variants, strict=True):
        alone = engine.synthesise(speech.tokens, latents, speech.utterance, whole, seed=3)
        torch.testing.assert_close(sound, alone, rtol=1e-3, atol=1e-4)


def test_clip_after_clip_every_edit_is_measured_against_the_clip_unmoved(bundle: Path) -> None:
    engine = Engine.from_pretrained(bundle, device="cpu")
    clips = [engine.analyse(speechlike(2.0, seed=seed), 16_000) for seed in (0, 1)]
    edits = [LatentEdit(), *dimension_edits(4)[-1:]]
    statistics = reference_statistics(engine, clips[0])
    unmoved, moved = zip(*sweep(engine, clips, edits, statistics, FAST, 0, workers=0), strict=True)
    assert all(change == 0 for found in unmoved for change in found.values())
    assert all(found["spectrum"] > 0 for found in moved)


def test_what_phones_record_is_probed_and_heard_like_any_sound(tmp_path: Path) -> None:
    (tmp_path / "a.webm").write_bytes(encoded_with_av(speechlike(3.0).numpy(), 16_000, "webm", "libopus"))
    (tmp_path / "b.M4A").write_bytes(encoded_with_av(speechlike(3.0).numpy(), 16_000, "ipod", "aac"))
    clips = probe_clips(tmp_path, "test", 10, DurationRange(2.0, 40.0), seed=0)
    assert sorted(clip.clip_id for clip in clips) == ["a.webm", "b.M4A"]
    assert [path.name for path in OtherSystem.parse(f"theirs={tmp_path}").files()] == ["a.webm", "b.M4A"]


def test_clips_of_a_folder_go_round_the_speakers_and_leave_out_what_is_too_short(data: Path) -> None:
    clips = probe_clips(data, "test", 10, DurationRange(2.0, 40.0), seed=0)
    assert {clip.clip_id for clip in clips} == {"anna/0.wav", "ben/1.wav", "ben/2.wav"}
    assert {clip.speaker for clip in clips[:2]} == {"anna", "ben"}
    assert clips == probe_clips(data, "test", 10, DurationRange(2.0, 40.0), seed=0)


def test_a_folder_without_recordings_and_too_few_clips_are_refused(tmp_path: Path, bundle: Path, data: Path) -> None:
    with pytest.raises(MeasureError, match=r"neither manifest\.tsv nor recordings"):
        probe_clips(tmp_path, "test", 10, DurationRange(2.0, 40.0), seed=0)
    with pytest.raises(MeasureError, match="num_clips is 1"):
        list(probe_bundle(bundle, data, num_clips=1))
    with pytest.raises(MeasureError, match="no bundle folder"):
        list(probe_bundle(tmp_path, data))


def test_effects_are_means_over_clips_and_left_out_where_few_clips_tell() -> None:
    clips = [
        [{"energy": sigma + clip} | ({"f0_mean": 1.0} if clip == 0 else {}) for sigma in SIGMAS] for clip in range(4)
    ]
    (found,) = group_effects(clips, ["a", "b", "c", "d"])
    assert [effect.value for effect in found["energy"]] == [sigma + 1.5 for sigma in SIGMAS]
    assert "f0_mean" not in found
    assert MIN_CLIP_SHARE > 1 / 4


def test_what_rises_or_falls_all_the_way_is_monotone_if_the_intervals_part() -> None:
    assert is_monotone(effects(-2, -1, 1, 2))
    assert is_monotone(effects(2, 1, -1, -2))
    assert not is_monotone(effects(-2, -1, 1, 2, half_width=3))
    assert not is_monotone(effects(-2, 1, 2, 3))  # above no change at -1
    assert not is_monotone(effects(-1, -2, 1, 2))
    assert not is_monotone(())


def test_what_moves_at_one_end_only_has_no_reach() -> None:
    assert effect_range(effects(-3, -1, 1, 2)) == 4
    assert effect_range(effects(3, 1, -1, -2)) == -4
    assert effect_range(effects(-9, -1, 0.01, 0.02)) == pytest.approx(0.04)
    assert effect_range(effects(1, 0.5, 1, 2)) == 0
    assert effect_range(()) == 0


def test_a_name_comes_from_the_largest_swing_in_noticeable_changes() -> None:
    nothing = effects(0, 0, 0, 0)
    loud = {"energy": effects(-6, -3, 3, 6), "f0_mean": effects(-0.4, -0.2, 0.2, 0.4), "spectrum": effects(4, 2, 2, 4)}
    name, evidence = name_effects(loud, {"energy": Measured(value=0.8, low=0.7, high=0.9)})
    assert name == "loudness"
    assert "Energy -6.0 dB [-6.1, -5.9] at -2 σ, +6.0 dB [5.9, 6.1] at +2 σ" in evidence
    assert "correlation with Energy within clips +0.80 [0.70, 0.90]" in evidence
    assert (
        name_effects({"f0_mean": effects(3, 1, -1, -3), "energy": effects(-1, -0.5, 0.5, 1)}, {})[0]
        == "pitch height, reversed"
    )
    assert name_effects({"energy": nothing, "spectrum": effects(5, 3, 3, 5)}, {})[0] == "sound colour"
    assert name_effects({"energy": nothing, "spectrum": effects(0.5, 0.2, 0.2, 0.5)}, {})[0] == "little effect"
    assert name_effects({}, {})[0] == "little effect"


def test_names_that_occur_again_are_numbered_by_importance() -> None:
    assert number_duplicates(["loudness", "pitch", "loudness"], [2, 1, 0]) == ["loudness 2", "pitch", "loudness"]
    assert importance({"energy": effects(-1, 0, 0, 5), "f0_mean": effects(0, 0, 0, 2)}) == 5


def test_the_plot_shows_the_movers_and_is_the_same_twice(report: ProbeReport, tmp_path: Path) -> None:
    first = write_plot(report, tmp_path / "one.svg").read_bytes()
    assert write_plot(report, tmp_path / "two.svg").read_bytes() == first
    assert write_plot(report, tmp_path / "deep" / "three.png").stat().st_size > 10_000
    unmeasured = [probe.model_copy(update={"effects": {}}) for probe in report.dimensions]
    empty = report.model_copy(update={"dimensions": tuple(unmeasured)})
    assert empty.mover("energy") is None
    assert write_plot(empty, tmp_path / "empty.svg").is_file()


def test_the_verb_shows_and_draws_what_the_bundle_stores(report: ProbeReport, bundle: Path, tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["probe", str(bundle), "--plot", str(tmp_path / "effects.svg")])
    assert shown.exit_code == 0, shown.output
    for dimension in report.dimensions:
        assert f"dimension {dimension.index}: {dimension.name}" in shown.output
    assert (tmp_path / "effects.svg").is_file()
