"""`undertone text spell`: a dictionary of letters from a prepared corpus, which training takes."""

from pathlib import Path

import soundfile
from typer.testing import CliRunner

from tests.speechlike import voice
from undertone.app.cli.main import app
from undertone.train import prepare
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.tokenizer.phone_parts import num_parts_of


def test_spell_writes_a_dictionary_and_names_the_units(tmp_path: Path) -> None:
    corpus, prepared, out = tmp_path / "corpus" / "train", tmp_path / "prepared", tmp_path / "letters.dict"
    corpus.mkdir(parents=True)
    for number in range(3):
        soundfile.write(corpus / f"{number}.wav", voice(2.0, 120.0, number), 16_000)
        (corpus / f"{number}.txt").write_text("Grüße aus Lübeck, Grüße", encoding="utf-8")
    prepare(corpus.parent, prepared, workers=1)
    done = CliRunner().invoke(app, ["text", "spell", "--prepared", str(prepared), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0] == "1 words, 5 letters: E G R S Ü", "letters that occur thrice are left out"
    lexicon = Lexicon(out)
    assert f"--set model.num_units={num_parts_of(len(lexicon.inventory))}" in done.output
    empty = CliRunner().invoke(app, ["text", "spell", "--prepared", str(tmp_path), "--out", str(out)])
    assert empty.exit_code != 0
