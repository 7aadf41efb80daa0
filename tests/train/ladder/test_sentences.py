"""Sentences of a ladder: every rung's tokens word by word, and units that a voice can say where they are no letters."""

from pathlib import Path

import numpy as np

from tests.train.ladder.small_ladder import inventory_of, speller_of, text_of
from undertone.engine.ladder import RUNGS, SENTENCES, LadderSentences
from undertone.train.ladder.sentences import EVEN_FRAMES, shown_sentences, write_sentences
from undertone.train.ladder.splicer import Splicer
from undertone.train.ladder.streams import SpeechOfLadder, make_stream


def test_a_sentence_has_all_its_words_in_every_rung_and_sounds_where_it_has_no_letters(tmp_path: Path) -> None:
    phones, text = speller_of(tmp_path).lexicon.inventory, text_of(tmp_path)
    inventory, units = inventory_of(len(phones))
    splicers = {one: Splicer(inventory, one) for one in (True, False)}
    speech = SpeechOfLadder(splicers, units, units)  # clusters that are the units
    streams = {rung: make_stream(rung, text.train, phones, speech) for rung in RUNGS}
    chosen = shown_sentences(text, 2)
    found = write_sentences(chosen, streams, speech, phones, tmp_path / SENTENCES)
    assert LadderSentences.model_validate_json((tmp_path / SENTENCES).read_text()) == found
    assert len(found.sentences) == 2
    for sentence, shown in zip(chosen, found.sentences, strict=True):
        assert list(shown.rungs) == list(RUNGS)
        for rung, tokens in shown.rungs.items():
            assert len(tokens.words) == len(sentence) + 2
            assert bool(tokens.units) == (not rung.startswith("text"))
            assert max(tokens.units, default=0) < 3 * (len(phones) + 1)
        of = {rung: np.array(tokens.units) for rung, tokens in shown.rungs.items()}
        said = [phone for word in sentence for phone in word.phones]
        assert (of["phone-raw"][2::EVEN_FRAMES] // 3).tolist() == [0, *said, 0]
        assert (of["phone-repeat"] // 3 == of["speech-one"] // 3).all()
        assert len(of["speech-many"]) == sum(map(len, shown.rungs["speech-many"].words))
        assert (of["speech-clusters"] == of["speech-many"]).all()
