"""A folder with a small ladder's result and a sentence of it."""

from pathlib import Path

from tests.studies.ladder.ladder_files import write_ladder
from undertone.engine.ladder import SENTENCES, LadderSentence, LadderSentences, RungTokens
from undertone.studies.ladder.judgement import judge_ladder

PHONES = ("AH", "T")


def ladder_folder(folder: Path) -> Path:
    judge_ladder(write_ladder(folder, {"text-raw": 0.8, "phone-raw": 0.6}))
    letters = RungTokens(words=((",",), ("_", "A", "<"), (",",)))
    phones = RungTokens(words=((",", ","), ("AH", "AH", "AH", "T"), (",",)), units=(0, 2, 3, 4, 5, 6, 1))
    sentence = LadderSentence(text="A , AT", rungs={"text-raw": letters, "phone-repeat": phones})
    (folder / SENTENCES).write_text(LadderSentences(phones=PHONES, sentences=(sentence,)).model_dump_json())
    return folder
