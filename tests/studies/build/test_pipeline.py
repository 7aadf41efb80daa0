"""What raters hear is cut alike, equally loud, lossless, checked, and named by ids that tell nothing."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from sqlalchemy import select

from tests.studies.design.sounds import RATE_HZ, study_file, write_folders, write_speech
from tests.tiny_bundle import make_tiny_bundle
from undertone.engine import Engine, Sampling
from undertone.studies.build import render as render_module
from undertone.studies.build.levels import measure_level
from undertone.studies.build.lifecycle import make_study, set_status
from undertone.studies.build.media import decode, encode_sound, metadata_blocks, pad_to_equal_size
from undertone.studies.build.pipeline import BuildResult, build_study
from undertone.studies.build.recordings import read_recordings, sound_files
from undertone.studies.design import DesignError
from undertone.studies.design.slugs import slug
from undertone.studies.store import Database, StorageLocations, migrate
from undertone.studies.store.tables import Participant, Prompt, Stimulus, Study, System


@pytest.fixture
def places(tmp_path: Path) -> StorageLocations:
    return StorageLocations(tmp_path / "data", f"sqlite:///{tmp_path / 'studies.sqlite'}")


@pytest.fixture
def db(places: StorageLocations) -> Database:
    database = Database(places.url)
    migrate(database)
    return database


def built(db: Database, places: StorageLocations, root: Path, workers: int = 1, **changes: Any) -> BuildResult:
    study = study_file(root, **changes)
    make_study(db, study)
    return build_study(db, study.name, places, device="cpu", workers=workers)


def stimuli(db: Database) -> list[Stimulus]:
    with db.reading() as session:
        return list(session.scalars(select(Stimulus)))


def sound(db: Database, places: StorageLocations, stimulus: Stimulus) -> np.ndarray:
    samples, rate = soundfile.read(places.media_of(stimulus.study_id) / stimulus.path)
    assert rate == RATE_HZ
    return samples


def names(db: Database) -> dict[str, str]:
    with db.reading() as session:
        return {row.id: row.name for table in (System, Prompt) for row in session.scalars(select(table))}


def test_every_clip_has_one_loudness_under_one_true_peak_and_one_length_per_prompt(
    db: Database, places: StorageLocations, tmp_path: Path
) -> None:
    write_folders(tmp_path)
    done = built(db, places, tmp_path)
    made = stimuli(db)
    assert done.stimuli == {"main": 12}
    seconds: dict[str, set[float]] = {}
    for stimulus in made:
        samples = sound(db, places, stimulus)
        level = measure_level(samples, RATE_HZ)
        assert level.loudness_lufs == pytest.approx(done.loudness_lufs, abs=0.1)
        assert level.true_peak_dbtp <= -1.0 + 0.05
        assert stimulus.seconds == len(samples) / RATE_HZ
        seconds.setdefault(str(stimulus.prompt_id), set()).add(stimulus.seconds)
    assert all(len(lengths) == 1 for lengths in seconds.values())
    assert sorted(length for lengths in seconds.values() for length in lengths) == [3.8, 3.9, 4.0]


def test_files_are_lossless_without_a_tag_and_named_by_ids_that_tell_nothing(
    db: Database, places: StorageLocations, tmp_path: Path
) -> None:
    write_folders(tmp_path)
    for kind in ("flac", "wav"):
        built(db, places, tmp_path, preparation={"format": kind})
        made = stimuli(db)
        folder = places.media_of(made[0].study_id)
        assert {path.name for path in folder.iterdir()} == {f"{stimulus.id}.{kind}" for stimulus in made}
        for stimulus in made:
            data = (folder / stimulus.path).read_bytes()
            assert hashlib.sha256(data).hexdigest() == stimulus.sha256
            assert metadata_blocks(data) == []
            assert len(stimulus.id) == 22
            for word in (b"good", b"loud", b"truth", b"anchor", b"libFLAC", b"Lavf"):
                assert word not in data


def test_the_size_of_a_file_says_nothing_about_the_system(
    db: Database, places: StorageLocations, tmp_path: Path
) -> None:
    write_folders(tmp_path)
    built(db, places, tmp_path)
    folder = places.media_of(stimuli(db)[0].study_id)
    assert len({path.stat().st_size for path in folder.iterdir()}) == 1


@pytest.mark.parametrize("more", [0, 1, 3, 4, 5, 2**24 - 1, 2**24, 2**24 + 2, 2**24 + 3, 2**24 + 4, 2**25 + 9])
def test_padding_fills_up_to_any_size_and_changes_no_sample(more: int) -> None:
    rng = np.random.default_rng(0)
    short, long = (encode_sound(0.1 * rng.standard_normal(size), RATE_HZ, "flac") for size in (8000, 9000))
    wanted = short + bytes(len(long) - len(short) + more)  # only its size and its first bytes count
    padded = pad_to_equal_size([short, wanted])[0]
    assert len(padded) == len(wanted) + 4
    assert metadata_blocks(padded) == []
    np.testing.assert_array_equal(decode(padded)[0], decode(short)[0])


def test_prompts_with_names_in_any_script_are_told_apart(
    db: Database, places: StorageLocations, tmp_path: Path
) -> None:
    write_folders(tmp_path)
    for folder in ("prompts", "good", "loud"):
        for old, new in (("p0", "你好"), ("p1", "再见"), ("p2", "привет мир")):
            (tmp_path / folder / f"{old}.wav").rename(tmp_path / folder / f"{new}.wav")
    assert built(db, places, tmp_path).stimuli == {"main": 12}
    assert slug("p0 Take-2") == "p0-take-2"
    assert slug("cafe\u0301") == slug("caf\u00e9") != slug("cafè")


def test_what_browsers_and_phones_record_is_a_prompt_and_what_is_none_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.webm", "b.MP4", "c.3gp", "d.caf", "e.wav", "notes.txt", "f.xyz"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in sound_files(tmp_path)] == ["a.webm", "b.MP4", "c.3gp", "d.caf", "e.wav"]
    assert "f.xyz" in caplog.text
    assert "notes.txt" not in caplog.text


def test_the_order_of_ids_says_nothing_about_the_system(db: Database, places: StorageLocations, tmp_path: Path) -> None:
    write_folders(tmp_path, prompts=6)
    built(db, places, tmp_path)
    name = names(db)
    ordered = [name[str(stimulus.system_id)] for stimulus in sorted(stimuli(db), key=lambda one: one.id)]
    assert ordered != sorted(ordered)
    assert len({stimulus.id[:2] for stimulus in stimuli(db)}) > 12


def test_a_peaky_clip_lowers_the_whole_study_or_stops_it(
    db: Database, places: StorageLocations, tmp_path: Path
) -> None:
    write_folders(tmp_path)
    click, rate = soundfile.read(tmp_path / "good" / "p1.wav")
    click[20_000] = 0.9
    soundfile.write(tmp_path / "good" / "p1.wav", click, rate)
    done = built(db, places, tmp_path)
    assert done.lowered_db > 1
    assert done.lowered_for is not None
    assert "good p1" in done.lowered_for
    assert max(s.true_peak_dbtp or 0 for s in stimuli(db)) == pytest.approx(-1.0, abs=0.1)
    assert np.ptp([s.loudness_lufs for s in stimuli(db)]) < 0.2
    with pytest.raises(DesignError, match=r"good p1.* would reach .* dBTP"):
        built(db, places, tmp_path, preparation={"on_peak": "refuse"})


def test_what_cannot_be_heard_stops_the_build_by_name(db: Database, places: StorageLocations, tmp_path: Path) -> None:
    write_folders(tmp_path)
    soundfile.write(tmp_path / "loud" / "p2.wav", np.zeros(4 * RATE_HZ), RATE_HZ)
    with pytest.raises(DesignError, match=r"loud p2.*silent"):
        built(db, places, tmp_path)
    write_speech(tmp_path / "loud" / "p2.wav", 1.0, 1)
    with pytest.raises(DesignError, match=r"loud p2.* 1\.00 s long; at least 2 s"):
        built(db, places, tmp_path)
    (tmp_path / "loud" / "p2.wav").unlink()
    with pytest.raises(DesignError, match=r"'loud', prompt 'p2'.*no sound file"):
        built(db, places, tmp_path)
    assert stimuli(db) == []


def test_the_low_anchor_is_the_same_sound_every_time_and_lacks_what_was_cut(
    db: Database, places: StorageLocations, tmp_path: Path
) -> None:
    write_folders(tmp_path)
    hashes = []
    for _ in range(2):
        anchor = {"kind": "degraded", "of": "truth", "lowpass_hz": 1000, "noise_snr_db": None}
        systems = [
            {"name": "truth", "role": "ground_truth", "source": {"kind": "recording"}},
            {"name": "anchor", "role": "low_anchor", "source": anchor},
        ]
        built(db, places, tmp_path, systems=systems)
        name = names(db)
        by_key = {(name[str(s.system_id)], name[str(s.prompt_id)]): s for s in stimuli(db)}
        hashes.append({key: stimulus.sha256 for key, stimulus in by_key.items()})
    assert hashes[0] == hashes[1]

    def above(samples: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(samples)) ** 2
        return float(power[np.fft.rfftfreq(len(samples), 1 / RATE_HZ) > 1300].sum() / power.sum())

    truth, low = (above(sound(db, places, by_key[system, "p0"])) for system in ("truth", "anchor"))
    assert low < truth / 30


def test_a_bundle_is_rendered_once_and_an_interrupted_build_goes_on(
    db: Database, places: StorageLocations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folders(tmp_path)
    make_tiny_bundle(tmp_path / "bundle")
    sampling = {"steps": 2, "end": "never", "blocks": False}
    source = {"kind": "bundle", "bundle": "bundle", "sampling": sampling}
    systems = [
        {"name": "model", "source": source},
        {"name": "truth", "role": "ground_truth", "source": {"kind": "recording"}},
    ]
    calls: list[int] = []
    original = Engine.continue_

    def counted(self: Engine, *arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(self, *arguments, **named)

    monkeypatch.setattr(render_module.Engine, "continue_", counted)
    with pytest.raises(KeyboardInterrupt):
        built(db, places, tmp_path, systems=systems)
    done = built(db, places, tmp_path, systems=systems)
    assert (len(calls), done.rendered) == (4, 2)  # 3 clips: one before the interruption, one attempt, two after it
    assert built(db, places, tmp_path, systems=systems).rendered == 0
    assert len(calls) == 4
    name = names(db)
    model = {name[str(s.prompt_id)]: s for s in stimuli(db) if name[str(s.system_id)] == "model"}
    assert {s.provenance["take"]["seed"] for s in model.values()} == {3, 4, 5}
    assert model["p0"].provenance["take"]["sampling"]["steps"] == 2

    engine = Engine.from_pretrained(tmp_path / "bundle", device="cpu")
    recording = torch.from_numpy(soundfile.read(tmp_path / "prompts" / "p0.wav", dtype="float32")[0])
    speech = engine.analyse(recording, RATE_HZ, 0.0, 1.5)
    take = engine.continue_(speech, 2.5, Sampling(**sampling), 3).audio.numpy()
    heard = sound(db, places, model["p0"])
    middle = slice(1000, len(heard) - 1000)
    assert np.corrcoef(heard[middle], take[: len(heard)][middle])[0, 1] > 0.9999  # the take, at another level


def test_takes_made_by_workers_are_kept_and_are_those_of_one_process(
    db: Database, places: StorageLocations, tmp_path: Path
) -> None:
    write_folders(tmp_path)
    make_tiny_bundle(tmp_path / "bundle", student=True)
    systems = [
        {"name": name, "source": {"kind": "bundle", "bundle": "bundle", "sampling": {"end": "never"}, "seed": seed}}
        for name, seed in (("model", 5), ("again", 50))
    ]
    study = study_file(tmp_path, systems=systems)
    renderer = {
        workers: render_module.ClipRenderer(study, read_recordings(study), tmp_path / str(workers), "cpu")
        for workers in (1, 2)
    }
    torch.set_num_threads(1)  # as every worker has
    for workers, one in renderer.items():
        one.make_takes(workers)
    assert [one.rendered for one in renderer.values()] == [0, 6]
    waveforms = {workers: [clip.waveform for clip in one.all() if clip] for workers, one in renderer.items()}
    assert [one.rendered for one in renderer.values()] == [6, 6]
    assert all(torch.equal(*pair) for pair in zip(*waveforms.values(), strict=True))
    renderer[2].make_takes(2)
    assert renderer[2].rendered == 6, "all are kept"


def test_a_take_that_a_worker_cannot_make_is_named_and_the_others_are_kept(
    db: Database, places: StorageLocations, tmp_path: Path
) -> None:
    write_folders(tmp_path)
    make_tiny_bundle(tmp_path / "bundle")
    systems = [
        {"name": "model", "source": {"kind": "bundle", "bundle": "bundle", "sampling": {"steps": 2}}},
        {"name": "broken", "source": {"kind": "bundle", "bundle": "bundle", "sampling": {"solver": "student"}}},
    ]
    with pytest.raises(DesignError, match=r"system 'broken', prompt '.*student"):
        built(db, places, tmp_path, systems=systems, workers=2)
    assert len(list((places.data / "renderings").glob("*.json"))) >= 3


def test_an_ab_study_presents_every_pair_in_both_orders(db: Database, places: StorageLocations, tmp_path: Path) -> None:
    write_folders(tmp_path)
    systems = [{"name": n, "source": {"kind": "folder", "folder": n}} for n in ("good", "loud")]
    built(db, places, tmp_path, comparison="ab", systems=systems, scales=["preference"])
    with db.reading() as session:
        pairs = {s.name: s.definition for s in session.scalars(select(System))}
    assert pairs == {
        "good-then-loud": {"first": "good", "second": "loud"},
        "loud-then-good": {"first": "loud", "second": "good"},
    }
    name = names(db)
    by_key = {(name[str(s.system_id)], name[str(s.prompt_id)]): sound(db, places, s) for s in stimuli(db)}
    one, other = by_key["good-then-loud", "p0"], by_key["loud-then-good", "p0"]
    half = (len(one) - round(0.8 * RATE_HZ)) // 2
    assert len(one) == len(other) == 2 * half + round(0.8 * RATE_HZ)
    assert np.corrcoef(one[:half], other[-half:])[0, 1] > 0.999
    assert np.corrcoef(one[-half:], other[:half])[0, 1] > 0.999
    assert np.abs(one[half : half + round(0.8 * RATE_HZ)]).max() == 0
    levels = [measure_level(part, RATE_HZ).loudness_lufs for part in (one[:half], one[-half:])]
    assert levels[0] == pytest.approx(levels[1], abs=0.2)


def test_traps_golds_and_training_items_keep_their_answers_and_a_trap_its_neighbours_length(
    db: Database, places: StorageLocations, tmp_path: Path
) -> None:
    write_folders(tmp_path)
    write_speech(tmp_path / "please-select-two.wav", 1.2, 77)
    write_speech(tmp_path / "terrible.wav", 3.0, 78)
    two = {"naturalness": {"value": 2}, "meaningfulness": {"value": 2}}
    built(
        db,
        places,
        tmp_path,
        traps=[{"instruction": "please-select-two.wav", "after_seconds": 1.0, "expected": two}],
        golds=[{"audio": "terrible.wav", "expected": {"naturalness": {"value": 1, "tolerance": 1}}}],
        training=[{"system": "anchor", "prompt": "p1", "expected": {}, "feedback": "This one is noisy."}],
        sections=[{"kind": "consent", "text": "?"}, {"kind": "training"}, {"kind": "rating"}],
        allocation={"trials_per_session": 3, "traps": 1, "golds": 1},
    )
    by_kind = {stimulus.kind: stimulus for stimulus in stimuli(db)}
    assert set(by_kind) == {"main", "trap", "gold", "training"}
    trap, gold, training = by_kind["trap"], by_kind["gold"], by_kind["training"]
    answers = {scale: {"value": 2.0, "tolerance": 0.0} for scale in ("naturalness", "meaningfulness")}
    assert trap.expected == {"answers": answers, "feedback": ""}
    assert trap.seconds in {3.8, 3.9, 4.0}
    assert gold.expected == {"answers": {"naturalness": {"value": 1.0, "tolerance": 1.0}}, "feedback": ""}
    assert training.expected == {"answers": {}, "feedback": "This one is noisy."}
    assert np.ptp([s.loudness_lufs for s in by_kind.values()]) < 0.1


def test_known_answers_of_sets_are_trials_of_equally_long_clips_and_a_trap_is_one_of_them(
    db: Database, places: StorageLocations, tmp_path: Path
) -> None:
    write_folders(tmp_path)
    write_speech(tmp_path / "set-this-to-20.wav", 1.2, 77)
    clips = [{"system": name, "prompt": "p1"} for name in ("good", "loud", "truth", "anchor")]
    worst = {**clips[3], "expected": {"mushra": {"value": 0, "tolerance": 30}}}
    built(
        db,
        places,
        tmp_path,
        trials={"kind": "mushra"},
        scales=["mushra"],
        traps=[{"instruction": "set-this-to-20.wav", "after_seconds": 1.0, "expected": {"mushra": {"value": 20}}}],
        golds=[{"clips": [*clips[:3], worst]}],
        training=[{"clips": clips, "feedback": "One is noisy."}],
        sections=[{"kind": "consent", "text": "?"}, {"kind": "training"}, {"kind": "rating"}],
        allocation={"trials_per_session": 3, "traps": 1, "golds": 1},
    )
    known = [one for one in stimuli(db) if one.kind != "main"]
    assert all(one.expected is not None for one in known)
    sets = [[one for one in known if (one.expected or {})["set"] == number] for number in range(3)]
    assert [{one.kind for one in found} for found in sets] == [{"training"}, {"gold"}, {"trap"}]
    for found in sets:
        assert len(found) == 4
        assert len({one.seconds for one in found}) == 1
        assert sum((one.expected or {}).get("reference", False) for one in found) == 1
    told = [[one for one in found if (one.expected or {})["answers"]] for found in sets]
    assert [len(found) for found in told] == [0, 1, 1]
    assert "carrier" in told[2][0].provenance
    assert not (told[2][0].expected or {}).get("reference")


def test_an_instruction_longer_than_the_clip_is_refused(db: Database, places: StorageLocations, tmp_path: Path) -> None:
    write_folders(tmp_path)
    write_speech(tmp_path / "long.wav", 9.0, 77)
    traps = [{"instruction": "long.wav", "expected": {"naturalness": {"value": 2}}}]
    with pytest.raises(DesignError, match=r"long\.wav.*does not fit"):
        built(db, places, tmp_path, traps=traps, allocation={"trials_per_session": 3, "traps": 1})


def test_a_recording_outside_the_study_sets_the_volume(db: Database, places: StorageLocations, tmp_path: Path) -> None:
    write_folders(tmp_path)
    sections = [{"kind": "consent", "text": "?"}, {"kind": "volume"}, {"kind": "rating"}]
    prompts = {"folder": "prompts", "count": 2, "prompt_seconds": 1.5, "continuation_seconds": 2.5}
    built(db, places, tmp_path, sections=sections, prompts=prompts)
    (volume,) = [stimulus for stimulus in stimuli(db) if stimulus.kind == "volume"]
    rated = {Path(str(name)).stem for name in names(db).values()}
    assert Path(volume.provenance["file"]).stem not in rated


def test_only_the_continuation_can_be_presented(db: Database, places: StorageLocations, tmp_path: Path) -> None:
    write_folders(tmp_path)
    systems = [{"name": "truth", "role": "ground_truth", "source": {"kind": "recording"}}]
    built(db, places, tmp_path, systems=systems, preparation={"heard": "continuation"})
    assert {stimulus.seconds for stimulus in stimuli(db)} == {2.5}
    assert {stimulus.provenance["start_seconds"] for stimulus in stimuli(db)} == {1.5}


def test_a_sound_that_was_lost_or_changed_keeps_the_study_closed(
    db: Database, places: StorageLocations, tmp_path: Path
) -> None:
    write_folders(tmp_path)
    built(db, places, tmp_path)
    one = stimuli(db)[0]
    path = places.media_of(one.study_id) / one.path
    whole = path.read_bytes()
    path.write_bytes(whole[:-10] + bytes(10))
    with pytest.raises(DesignError, match="not the file that was built"):
        set_status(db, "small", "open", places)
    path.unlink()
    with pytest.raises(DesignError, match="is missing"):
        set_status(db, "small", "open", places)
    path.write_bytes(whole)
    set_status(db, "small", "open", places)


def test_building_again_replaces_everything_and_leaves_no_old_sound(
    db: Database, places: StorageLocations, tmp_path: Path
) -> None:
    write_folders(tmp_path)
    built(db, places, tmp_path)
    before = {stimulus.id for stimulus in stimuli(db)}
    built(db, places, tmp_path, systems=[{"name": "good", "source": {"kind": "folder", "folder": "good"}}])
    made = stimuli(db)
    assert len(made) == 3
    assert not before & {stimulus.id for stimulus in made}
    assert len(list(places.media_of(made[0].study_id).iterdir())) == 3
    with db.reading() as session:
        assert session.scalars(select(System.name)).all() == ["good"]
        assert session.scalars(select(Participant)).all() == []
        assert session.scalars(select(Study.status)).all() == ["built"]
