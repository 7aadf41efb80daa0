"""Words to phones with the CMU Pronouncing Dictionary; the inventory has 39 phones without stress."""

import re
from pathlib import Path

from train.prepare import CorpusError

WORD = re.compile(r"[A-Z']+")
NUMBERED = re.compile(r"\(\d+\)$")


class Lexicon:
    """First pronunciation of every word, stress marks removed."""

    def __init__(self, folder: Path) -> None:
        path = folder / "cmudict.dict"
        if not path.is_file():
            raise CorpusError(f"{folder} holds no cmudict.dict; pass the folder of the CMU dictionary with --lexicon")
        self._phones: dict[str, tuple[str, ...]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            word, *phones = line.split("#")[0].split()
            if not NUMBERED.search(word):
                self._phones[word.upper()] = tuple(phone.rstrip("012") for phone in phones)
        self.inventory = tuple(sorted({phone for phones in self._phones.values() for phone in phones}))
        self._class_of = {phone: index + 1 for index, phone in enumerate(self.inventory)}

    def words(self, transcript: str) -> list[str]:
        """Upper-case words of a transcript; a digit makes a word that no dictionary holds."""
        return WORD.findall(re.sub(r"[^A-Z' ]+", " ", re.sub(r"\d+", " # ", transcript.upper()).replace("#", "''''")))

    def phones(self, word: str) -> tuple[str, ...] | None:
        """Phones of a word, None when it is unknown."""
        return self._phones.get(word) or self._phones.get(word.strip("'"))

    def classes(self, transcript: str) -> list[int] | None:
        """CTC classes (blank is 0) of a transcript, None when it is empty or a word is unknown."""
        known = [self.phones(word) for word in self.words(transcript)]
        if not known or any(phones is None for phones in known):
            return None
        return [self._class_of[phone] for phones in known for phone in phones or ()]
