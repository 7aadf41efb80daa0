"""Combine the measures of clips and frames to a report on every dimension."""

from collections.abc import Hashable, Sequence

import numpy as np

from undertone.engine import Engine
from undertone.engine.probe import DimensionProbe, Effect, Effects, LatentStatistics
from undertone.engine.prosody import DimensionEdit, LatentEdit
from undertone.studies.measures.intervals import ShareEstimate, estimate
from undertone.studies.measures.likelihood import clip_likelihood
from undertone.studies.probe.attributes import CLIP_ATTRIBUTES
from undertone.studies.probe.clips import ProbeClips
from undertone.studies.probe.directions import SLIDER_PERCENTILES
from undertone.studies.probe.linear_probes import ProbeFrames, correlations, linear_probe
from undertone.studies.probe.names import importance, name_effects, number_duplicates
from undertone.studies.probe.sweep import Changes

SIGMAS = (-2.0, -1.0, 1.0, 2.0)
MIN_CLIP_SHARE = 1 / 3  # of the clips must give an attribute at every sigma, or it is left out


def dimension_edits(num_dimensions: int) -> list[LatentEdit]:
    """Return the edits of every dimension at every sigma, in the order of `group_effects`."""
    return [
        LatentEdit(edits=(DimensionEdit(dimension=index, shift=sigma),))
        for index in range(num_dimensions)
        for sigma in SIGMAS
    ]


def group_effects(changes: Sequence[Sequence[Changes]], clusters: Sequence[Hashable]) -> list[Effects]:
    """Return effects with intervals, for every group of len(SIGMAS) edits in a row.

    Args:
        changes: by clip and edit.
    """
    count = len(changes[0]) // len(SIGMAS)
    return [
        _effects([clip[index * len(SIGMAS) : (index + 1) * len(SIGMAS)] for clip in changes], clusters)
        for index in range(count)
    ]


def dimension_probes(
    engine: Engine,
    material: ProbeClips,
    frames: dict[str, ProbeFrames],
    statistics: LatentStatistics,
    effects: Sequence[Effects],
    seed: int,
) -> tuple[DimensionProbe, ...]:
    """Return every dimension, named."""
    kl = _kl_nats(engine, material, seed)
    related = {key: correlations(of) for key, of in frames.items() if of.varies}
    seen = [{key: found[index] for key, found in related.items()} for index in range(len(effects))]
    names = [name_effects(effects[index], seen[index]) for index in range(len(effects))]
    order = sorted(range(len(effects)), key=lambda index: -importance(effects[index]))
    labels = number_duplicates([name for name, _ in names], order)
    probes = []
    for index, found in enumerate(effects):
        low, high = statistics.slider_range(index, *SLIDER_PERCENTILES)
        alone = {key: linear_probe(of.within_clips().only(index)) for key, of in frames.items()}
        probes.append(
            DimensionProbe(
                index=index,
                name=labels[index],
                evidence=names[index][1],
                importance=importance(found),
                kl_nats=kl[index],
                slider_low=low,
                slider_high=high,
                effects=found,
                correlations=seen[index],
                r2={key: r2.value for key, r2 in alone.items() if r2 is not None},
            )
        )
    return tuple(probes)


def _effects(changes: Sequence[Sequence[Changes]], clusters: Sequence[Hashable]) -> Effects:
    """Return the effects by attribute, from [clip][sigma]."""
    found: Effects = {}
    for attribute in CLIP_ATTRIBUTES:
        made = []
        for position, sigma in enumerate(SIGMAS):
            values = [clip[position].get(attribute) for clip in changes]
            shares = [ShareEstimate(0.0, 0) if value is None else ShareEstimate(value, 1) for value in values]
            number = estimate(shares, clusters)
            if number is not None and number.clusters > 1 and number.clips >= MIN_CLIP_SHARE * len(changes):
                low, high = number.low, number.high
                made.append(Effect(sigma=sigma, value=number.value, low=low, high=high, clips=number.clips))
        if len(made) == len(SIGMAS):
            found[attribute] = tuple(made)
    return found


def _kl_nats(engine: Engine, material: ProbeClips, seed: int) -> list[float]:
    """Return the KL of each dimension, nats per frame."""
    scores = [clip_likelihood(engine, speech, seed + index) for index, speech in enumerate(material.speech)]
    frames = sum(score.cross_entropy.count for score in scores)
    return [float(nats) for nats in np.array([score.kl_per_dim for score in scores]).sum(0) / frames]
