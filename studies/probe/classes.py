"""What can be told from tokens, from latents and from both: speaker, phone, class of F0, and emotion if it is labelled.

A linear classifier (logistic regression) reads standardised features and is tried on what it was not fitted on: other
clips for the speaker, other speakers for all else. The paper reads emotion and speaker so (its tables 9 and 10). Phone
and class of F0 are of frames; speaker and emotion of pieces of a second, by the shares of the tokens and by mean and
standard deviation of the latents.

T frames at 50 Hz, N pieces or frames of all clips, Z latent dims, V units.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from undertone.engine.config import FRAME_RATE_HZ, Config
from undertone.studies.measures.intervals import Estimate, ShareEstimate, estimate
from undertone.studies.probe.clips import ProbeClips

Source = Literal["tokens", "latents", "both"]
PIECE_FRAMES = int(FRAME_RATE_HZ)
FOLDS = 5
MAX_EXAMPLES = 8000  # that a classifier is fitted and tried on, drawn at random
MIN_OF_CLASS = 10  # rarer classes are left out
F0_CLASSES = ("unvoiced", "low", "middle", "high")  # a semitone and a half around the clip's median is the middle
MIDDLE_SEMITONES = 1.5
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Examples:
    """Features and what is to be told from them."""

    features: dict[Source, Array]  # [N, .]
    labels: Sequence[Hashable]  # [N]
    groups: Sequence[Hashable]  # [N], never on both sides of a fold

    def usable(self, seed: int) -> "Examples":
        """Return the examples of classes that are common enough, and not too many."""
        counts = Counter(self.labels)
        kept = np.array([place for place, label in enumerate(self.labels) if counts[label] >= MIN_OF_CLASS], dtype=int)
        if len(kept) > MAX_EXAMPLES:
            kept = np.sort(np.random.default_rng(seed).choice(kept, MAX_EXAMPLES, replace=False))
        return Examples(
            {source: found[kept] for source, found in self.features.items()},
            [self.labels[place] for place in kept],
            [self.groups[place] for place in kept],
        )


class ClassProbe(Config):
    """How often a class is told right, by what it is told from."""

    classes: int
    examples: int
    chance: float  # of always saying the commonest class
    accuracy: dict[Source, Estimate]


def class_probes(
    material: ProbeClips, num_tokens: int, unit_names: Sequence[str], emotions: Sequence[str] = (), seed: int = 0
) -> dict[str, ClassProbe]:
    """Return the probes that the material allows, by what is told.

    Args:
        material: analysed clips of held-out speakers.
        num_tokens: V.
        unit_names: of the tokenizer; the phone is told from the latents where units are phones, as the tokenizer heard.
        emotions: of each clip; none where they are not known.
        seed: of the choice of examples and of folds.
    """
    speakers, clips = material.speakers, [str(number) for number in range(len(material.speakers))]
    found = {
        "speaker": pieces(material, num_tokens, speakers, clips),
        "F0 class": frame_examples(material, num_tokens, f0_classes(material)),
    }
    if not all(name.isdigit() for name in unit_names):
        phones = [[unit_names[token] for token in speech.tokens.tolist()] for speech in material.speech]
        of_frames = frame_examples(material, num_tokens, phones)
        found["phone"] = replace(of_frames, features={"latents": of_frames.features["latents"]})
    if emotions:
        found["emotion"] = pieces(material, num_tokens, emotions, material.clusters)
    probes = {name: probe_classes(examples, seed) for name, examples in found.items()}
    return {name: probe for name, probe in probes.items() if probe is not None}


def probe_classes(examples: Examples, seed: int = 0) -> ClassProbe | None:
    """Return how often a linear classifier is right on groups that it was not fitted on, with intervals over groups.

    None where there are less than two classes or groups, or a class that only one group has would be the only one left.
    """
    examples = examples.usable(seed)
    counts, groups = Counter(examples.labels), set(examples.groups)
    if len(counts) < 2 or len(groups) < 2:
        return None
    number = {label: place for place, label in enumerate(counts)}
    labels = np.array([number[label] for label in examples.labels])
    accuracy: dict[Source, Estimate] = {}
    for source, features in examples.features.items():
        if not features.shape[1]:
            continue
        right = _predict(features, labels, examples.groups, seed) == labels
        shares = estimate([ShareEstimate(float(one), 1) for one in right], examples.groups)
        assert shares is not None  # there are examples
        accuracy[source] = shares
    return ClassProbe(
        classes=len(counts), examples=len(labels), chance=max(counts.values()) / len(labels), accuracy=accuracy
    )


def pieces(material: ProbeClips, num_tokens: int, labels: Sequence[str], groups: Sequence[str]) -> Examples:
    """Return the pieces of a second of all clips, each with its clip's label and group."""
    tokens, latents, of_clip = [], [], []
    for number, speech in enumerate(material.speech):
        for start in range(0, speech.num_frames - PIECE_FRAMES + 1, PIECE_FRAMES):
            own = slice(start, start + PIECE_FRAMES)
            tokens.append(np.bincount(speech.tokens[own].numpy(), minlength=num_tokens) / PIECE_FRAMES)
            values = speech.latents[own].double().numpy()
            latents.append(np.concatenate([values.mean(0), values.std(0)]))
            of_clip.append(number)
    return Examples(
        _sources(np.array(tokens).reshape(len(tokens), num_tokens), np.array(latents).reshape(len(latents), -1)),
        [labels[number] for number in of_clip],
        [groups[number] for number in of_clip],
    )


def frame_examples(material: ProbeClips, num_tokens: int, labels: Sequence[Sequence[str | None]]) -> Examples:
    """Return all frames that have a label, each in its clip's cluster.

    Args:
        labels: of every frame of every clip; None leaves a frame out.
    """
    clips = np.repeat(np.arange(len(material.speech)), [speech.num_frames for speech in material.speech])
    flat = [label for of_clip in labels for label in of_clip]
    kept = np.array([place for place, label in enumerate(flat) if label is not None], dtype=int)
    tokens = np.concatenate([speech.tokens.numpy() for speech in material.speech])[kept]
    return Examples(
        _sources(np.eye(num_tokens)[tokens], material.latents.double().numpy()[kept]),
        [flat[place] for place in kept],
        [material.clusters[clip] for clip in clips[kept]],
    )


def f0_classes(material: ProbeClips) -> list[list[str | None]]:
    """Return one of F0_CLASSES for every frame, relative to its clip's median; None for silence."""
    found: list[list[str | None]] = []
    for tracks in material.tracks:
        f0, voicing = tracks["f0"].numpy(), tracks["voicing"].numpy()
        middle = np.nanmedian(f0) if np.isfinite(f0).any() else 0.0
        found.append([_f0_class(value - middle, voiced) for value, voiced in zip(f0, voicing, strict=True)])
    return found


def _f0_class(semitones: float, voicing: float) -> str | None:
    if not np.isfinite(voicing):
        return None
    if not np.isfinite(semitones):
        return F0_CLASSES[0]
    return F0_CLASSES[2 + int(semitones > MIDDLE_SEMITONES) - int(semitones < -MIDDLE_SEMITONES)]


def _sources(tokens: Array, latents: Array) -> dict[Source, Array]:
    return {"tokens": tokens, "latents": latents, "both": np.concatenate([tokens, latents], axis=1)}


def _predict(features: Array, labels: NDArray[np.int64], groups: Sequence[Hashable], seed: int) -> NDArray[np.int64]:
    """Return the label of every example that a classifier of the other folds gives it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    number = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    of_example = np.array([number[group] for group in groups])
    predicted = np.full(len(labels), -1)
    folds = StratifiedGroupKFold(min(FOLDS, len(number)), shuffle=True, random_state=seed)
    for fitted, tried in folds.split(features, labels, of_example):
        kinds = np.unique(labels[fitted])
        if len(kinds) == 1:
            predicted[tried] = kinds[0]
        elif len(tried):
            model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(
                features[fitted], labels[fitted]
            )
            predicted[tried] = model.predict(features[tried])
    return predicted
