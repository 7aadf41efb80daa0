"""Evaluations whose numbers nobody measured, no two of them alike."""

from undertone.engine import Sampling
from undertone.studies.evaluation.card_tables import CONTINUED, LIKENESS, PREDICTED, UNDERSTOOD
from undertone.studies.evaluation.results import DisturbedPrompts, Evaluation, Speed
from undertone.studies.evaluation.systems import SYSTEMS
from undertone.studies.lexical.scoring import LexicalAccuracy
from undertone.studies.measures.intervals import Estimate
from undertone.studies.measures.likelihood import Likelihood


class Numbers:
    """Estimates no two of which look alike."""

    def __init__(self) -> None:
        self.made: list[Estimate] = []

    def next(self) -> Estimate:
        value = 0.1 + 0.037 * len(self.made)
        self.made.append(Estimate(value=value, low=value - 0.011, high=value + 0.013, count=900, clips=60, clusters=20))
        return self.made[-1]


def evaluation(numbers: Numbers) -> Evaluation:
    continued = [name for key, (_, natural, chance) in CONTINUED.items() for name in (key, natural, chance)]
    return Evaluation(
        bundle="tiny",
        bundle_sha256="0" * 64,
        created="2026-01-01",
        corpus="voices",
        split="test",
        seed=0,
        num_clips=60,
        num_speakers=20,
        clip_seconds=421.0,
        cluster="speaker",
        sampling=Sampling(),
        systems={system: {key: numbers.next() for key in LIKENESS | UNDERSTOOD} for system in SYSTEMS},
        likelihood=Likelihood(
            **{key: numbers.next() for key in PREDICTED}, kl_nats_per_dim=(0.001, 1.234), active_dims=1
        ),
        prompt_seconds=3.0,
        continuation_seconds=10.0,
        num_continuations=40,
        continuations={name: numbers.next() for name in continued if name and not name.isdigit()},
        disturbed={
            "music": DisturbedPrompts(
                prompts=8, refused=1, peak=0.87, loudness_lufs=-23.4, loudest_lufs=-18.6, silent=0.31, ended=0.57
            ),
            "whispering": DisturbedPrompts(prompts=8, refused=8),
        },
        others={name: {key: numbers.next() for key in ("dnsmos", "whisper_cer")} for name in ("authors", "vocoded")},
        whisper="base",
        lexical={
            kind: LexicalAccuracy(tokens=numbers.next(), tokens_and_latents=numbers.next(), by_phones=numbers.next())
            for kind in ("alone", "carried")
        },
        speed=Speed(real_time_factor=0.42, first_audio_seconds=1.9, device="x86_64 CPU", threads=2),
        not_measured={"other": "a measure needs the package nowhere: `pip install nowhere`."},
        skipped={"clip-7": "the recording is silent"},
        packages={"pocketsphinx": "5.0"},
    )
