"""Score a benchmark's folder by a bundle, by tokens, latents and both, and write what outside scorers read."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from undertone.engine import AudioLimits, Engine, read_audio
from undertone.engine.files.atomic_files import write_whole
from undertone.engine.generation.likelihood import SpeechLikelihood
from undertone.studies.benchmarks.paired import pair_margins, salmon_pairs, story_pairs
from undertone.studies.benchmarks.score_kinds import score_kinds
from undertone.studies.benchmarks.zerospeech import accuracy_over, gold_scores, read_gold, write_submission
from undertone.studies.errors import MeasureError
from undertone.studies.measures.intervals import Estimate

Benchmark = Literal["swuggy", "sblimp", "salmon", "storycloze"]


def run_benchmark(engine: Engine, benchmark: Benchmark, folder: Path, out: Path, draws: int = 1) -> Iterator[str]:
    """Score all recordings of a folder; yield lines of the result, which `out` also has as JSON.

    Sums and means over frames are reported apart, as their order can differ. For sWUGGY and sBLIMP `out` has
    submissions too, one folder for each kind of score: `both-sum/lexical/dev.txt` after the folder `lexical/dev`.

    Raises:
        MeasureError: the folder has not the benchmark's layout.
        AudioError: a recording cannot be read or scored.
    """
    result: dict[str, dict[str, dict[str, Estimate]]] = {}
    if benchmark in ("swuggy", "sblimp"):
        level: Literal["lexical", "syntactic"] = "lexical" if benchmark == "swuggy" else "syntactic"
        pairs = read_gold(folder, level)
        names = [name for pair in pairs for name in (pair.correct, pair.incorrect)]
        scored = {name: recording_likelihood(engine, folder / f"{name}.wav", draws) for name in names}
        for kind, stream, per_frame in score_kinds(list(scored.values())):
            scores = {name: one.of(stream, per_frame) for name, one in scored.items()}
            write_submission(out / kind / level / f"{folder.resolve().name}.txt", scores)
            found = gold_scores(pairs, scores)
            result[kind] = {"all": {"all": found.accuracy}} | found.tables
    else:
        recorded = salmon_pairs(folder) if benchmark == "salmon" else story_pairs(folder)
        sides = [
            [recording_likelihood(engine, path, draws) for path in (one.positive, one.negative)] for one in recorded
        ]
        for kind, stream, per_frame in score_kinds([one for side in sides for one in side]):
            margins = pair_margins([(a.of(stream, per_frame), b.of(stream, per_frame)) for a, b in sides])
            parts: dict[str, list[float]] = defaultdict(list)
            for pair, margin in zip(recorded, margins, strict=True):
                parts[pair.part].append(margin)
            result[kind] = {"part": {part: accuracy_over(values) for part, values in parts.items()}}
    text = json.dumps(
        {
            kind: {table: {row: one.model_dump() for row, one in rows.items()} for table, rows in tables.items()}
            for kind, tables in result.items()
        },
        indent=2,
    )
    out.mkdir(parents=True, exist_ok=True)
    for kind, tables in result.items():
        for table, rows in tables.items():
            for row, one in rows.items():
                yield (
                    f"{benchmark} {kind:<13} {table} {row}: {one.value:.3f} ({one.low:.3f} to {one.high:.3f}), "
                    f"{one.count} pairs, chance 0.5"
                )
    yield str(write_whole(out / f"{benchmark}.json", text + "\n"))


def recording_likelihood(engine: Engine, path: Path, draws: int) -> SpeechLikelihood:
    """Return the likelihood of a sound file.

    Raises:
        MeasureError: no such file.
    """
    if not path.is_file():
        raise MeasureError(f"{path} does not exist, but is part of a pair.")
    waveform, sample_rate_hz = read_audio(path, AudioLimits(min_seconds=0.0))
    return engine.likelihoods([waveform], sample_rate_hz, draws=draws)[0]
