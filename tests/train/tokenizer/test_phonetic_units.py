"""Units that are parts of phones: what is fitted tells the parts apart, and the path keeps their order."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.train.tiny_recipes import TOKENIZER
from undertone.engine.config import PhonePartsConfig
from undertone.engine.tokenizers import PARTS_OF_PHONE, viterbi_units
from undertone.engine.tokenizers.phonetic import PhoneticTokenizer
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.corpora.source import CorpusError
from undertone.train.loop.stage_export import trained_numbers
from undertone.train.runs.stages import run_tokenizer
from undertone.train.tokenizer.clip_features import tokenizer_fingerprint
from undertone.train.tokenizer.load import load_tokenizer
from undertone.train.tokenizer.phone_parts import UNLABELLED, fit_points, parts_of, transition_costs
from undertone.train.tokenizer.phonetic_units import fit_units


def test_parts_are_thirds_and_unknown_words_have_none() -> None:
    found = parts_of(np.array([0, 2, 3, 1]), np.array([3, 9, 11, 15]), num_phones=2)
    assert found.tolist() == [0, 1, 2, 6, 6, 7, 7, 8, 8, UNLABELLED, UNLABELLED, 3, 3, 4, 5]
    assert len(parts_of(np.array([], dtype=int), np.array([], dtype=int), 2)) == 0


def test_the_nearest_point_is_the_likeliest_part_also_where_the_rare_direction_is_quiet() -> None:
    random = np.random.default_rng(0)
    labels = random.choice(3, 6000, p=[0.6, 0.3, 0.1])
    features = random.normal(size=(6000, 5)) * [20.0, 1.0, 15.0, 0.04, 1.0] + 3.0
    features[:, 3] += 0.1 * labels  # the quietest direction says it
    labels[:100] = UNLABELLED
    projection = nn.Linear(5, 2)
    points = fit_points(features.astype(np.float32), labels, projection, 3)
    with torch.no_grad():
        mapped = projection(torch.from_numpy(features.astype(np.float32)))
        log_likelihood = torch.log_softmax(-0.5 * torch.cdist(mapped, points).square(), 1)
    right = log_likelihood[100:].argmax(1).numpy() == labels[100:]
    assert right.mean() > 0.86  # the best there is: 0.878
    assert float(log_likelihood.exp().mean(0)[2]) == pytest.approx(0.1, abs=0.03)  # probabilities, not scores


def test_transitions_keep_the_order_of_parts_and_never_forbid() -> None:
    clip = parts_of(np.array([0, 1, 2, 1, 0]), np.array([6, 12, 18, 24, 30]), 2)
    costs = transition_costs([clip, np.full(4, UNLABELLED)], 9)
    assert costs.shape == (9, 9)
    assert np.isfinite(costs).all()
    assert (costs >= 0).all()
    assert costs[3, 3] < costs[3, 5] > costs[3, 4]  # a beginning is not followed by an end
    assert costs[5, 6] < costs[5, 7]  # another phone begins at its beginning


def test_a_path_repairs_a_frame_that_was_misheard() -> None:
    truth = parts_of(np.array([0, 1, 2, 1, 0] * 20), np.arange(6, 601, 6), 2)
    points = torch.eye(9) * 3
    features = points[torch.from_numpy(truth)] + 1.2 * torch.randn(600, 9, generator=torch.Generator().manual_seed(0))
    costs = torch.from_numpy(transition_costs([truth], 9))
    alone = (viterbi_units(features, points, torch.zeros(9, 9)).numpy() != truth).mean()
    assert (viterbi_units(features, points, costs).numpy() != truth).mean() < 0.6 * alone


@pytest.mark.usefixtures("roughly_fitted_points")
def test_a_tokenizer_whose_units_are_parts_of_phones(prepared: Path, lexicon_folder: Path, tmp_path: Path) -> None:
    lexicon = Lexicon(lexicon_folder)
    parts = {"phone_parts": PhonePartsConfig(dim=8)}
    wrong = TOKENIZER.model_copy(update={"model": TOKENIZER.model.model_copy(update=parts)})
    num_parts = PARTS_OF_PHONE * (len(lexicon.inventory) + 1)
    with pytest.raises(CorpusError, match=f"Set num_units to {num_parts}"):
        run_tokenizer(wrong, prepared, lexicon_folder, tmp_path / "wrong", cpu=True)
    assert not (tmp_path / "wrong").exists()  # said before anything is trained
    model = TOKENIZER.model.model_copy(update=parts | {"num_units": num_parts})
    run_tokenizer(TOKENIZER.model_copy(update={"model": model}), prepared, lexicon_folder, tmp_path / "run", cpu=True)
    tokenizer = load_tokenizer(tmp_path / "run")
    assert isinstance(tokenizer, PhoneticTokenizer)
    assert tokenizer.centroids.shape == (num_parts, 8)
    assert trained_numbers(tmp_path / "run")["mean_run_frames"] > 1
    units = tokenizer.without_classifier()
    waveform = 0.1 * torch.randn(16_000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(units.tokens(waveform), tokenizer.tokens(waveform))
    before = tokenizer_fingerprint(tokenizer)
    fit_units(tokenizer, prepared, lexicon, TOKENIZER.unit_frames, seed=0)
    assert tokenizer_fingerprint(tokenizer) == before  # the same again from the same seed
    fit_units(tokenizer, prepared, lexicon, TOKENIZER.unit_frames, seed=1)
    assert tokenizer_fingerprint(tokenizer) != before
