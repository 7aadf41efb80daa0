"""A batch from its sources to its results, with progress on standard error."""

import logging
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from filelock import FileLock, Timeout
from tqdm import tqdm

from undertone.app.cli.batch.plan import Planner
from undertone.app.cli.batch.prompts import BadRow, Prompt, PromptSettings, list_prompts, unused_columns
from undertone.app.cli.batch.results import Results
from undertone.app.cli.batch.work import Job, Output, build_worker, failed_line
from undertone.engine import SettingsError
from undertone.engine.bundle import bundle_folder
from undertone.engine.files.validation import validate_values
from undertone.engine.generation.take_settings import SoundFormat, WrittenRate
from undertone.engine.worker_pool import map_in_workers

log = logging.getLogger(__name__)
LOCK = ".undertone-batch.lock"
FIRST_STATUS, LAST_STATUS = 101, 125  # of the exit, with failures: clear of 2 for wrong use, and of the shell's own


@dataclass
class BatchCounts:
    """Counts of one call: prompts, and takes that are suspicious by reason."""

    made: int
    made_before: int
    failed: int
    suspicious: Counter[str]

    @property
    def exit_status(self) -> int:
        """Return 0, or 100 and the number of prompts that failed, 125 for 25 and more."""
        return min(FIRST_STATUS - 1 + self.failed, LAST_STATUS) if self.failed else 0

    def sentence(self) -> str:
        """Return the counts in words."""
        suspicious = ", ".join(f"{number} {name}" for name, number in self.suspicious.most_common()) or "none"
        return (
            f"{self.made} prompts made, {self.made_before} made before, {self.failed} failed; "
            f"suspicious takes: {suspicious}"
        )


def batch_settings(values: dict[str, Any]) -> PromptSettings:
    """Return the settings of the command line. Raises SettingsError naming the one out of its range."""
    return validate_values(PromptSettings, values, "settings", SettingsError)


def batch_output(folder: Path, sound_format: str, sample_rate_hz: int) -> Output:
    """Return how takes are written. Raises SettingsError for a format or rate that is not written."""
    if sound_format not in get_args(SoundFormat):
        raise SettingsError(f"--format is {sound_format!r}; expected one of {', '.join(get_args(SoundFormat))}.")
    if sample_rate_hz not in get_args(WrittenRate):
        rates = ", ".join(map(str, get_args(WrittenRate)))
        raise SettingsError(f"--rate is {sample_rate_hz}; expected one of {rates}.")
    return Output(folder, cast(SoundFormat, sound_format), cast(WrittenRate, sample_rate_hz))


def run_batch(
    bundle: str, sources: Sequence[Path], settings: PromptSettings, base_seed: int, output: Output, workers: int = 1
) -> BatchCounts:
    """Make the takes of all prompts that are not made yet, and write results.jsonl.

    Args:
        bundle: folder or Hub repository.
        settings: of prompts whose row says nothing else.
        base_seed: from which every prompt's seed is made.
        workers: processes; 1 is this one.
    Raises:
        UndertoneError: the bundle, a source or the folder cannot be used, or the disk is full.
    """
    settings.sampling  # noqa: B018 (refused before anything is listed)
    listed = list(list_prompts(sources, settings, base_seed, output.folder))
    for column, number in unused_columns(listed).items():
        log.info("column %r is no setting; it is carried into the results of %d prompts", column, number)
    folder = bundle_folder(bundle)
    output.folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(output.folder / LOCK, timeout=0), Results(output.folder) as results:
            return _run(folder, listed, output, results, workers)
    except Timeout as error:
        raise SettingsError(
            f"another call is writing into {output.folder}. Wait for it, or use another folder."
        ) from error
    except BrokenProcessPool as error:
        raise SettingsError(
            "a worker was ended, perhaps for want of memory. What is made is kept: call again, with --workers 1."
        ) from error


def _run(
    bundle: Path, listed: Sequence[Prompt | BadRow], output: Output, results: Results, workers: int
) -> BatchCounts:
    results.forget_failures({item.listed for item in listed})
    counts = BatchCounts(0, 0, 0, Counter())
    planner = Planner(bundle, output, results)
    jobs: list[Job] = []
    for item in listed:
        if isinstance(item, BadRow):
            counts.failed += 1
            results.add([failed_line(item.listed, item.error)])
            continue
        job, made = planner.plan(item)
        if made:
            counts.made_before += 1
        else:
            jobs.append(job)
    if not jobs:
        return counts
    workers = min(workers, len(jobs))
    made_lines = map_in_workers(build_worker, (str(bundle), output), jobs, workers)
    with tqdm(total=len(jobs), desc="batch", unit=" prompts", file=sys.stderr) as bar:
        for lines in made_lines:
            results.add(lines)
            for line in lines:
                if line["status"] == "failed":
                    counts.failed += 1
                    bar.write(f"{line['prompt']}: {line['error']}", file=sys.stderr)
                else:
                    counts.suspicious.update(line["suspicious"])
            counts.made += lines[0]["status"] == "made"
            bar.set_postfix(failed=counts.failed, refresh=False)
            bar.update()
    return counts
