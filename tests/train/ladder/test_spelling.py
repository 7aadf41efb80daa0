"""Letters of phones."""

from undertone.train.ladder.spelling import LetterGroups


def test_the_groups_of_a_word_are_its_letters_and_follow_its_phones() -> None:
    words = [("SHIP", (1, 2, 3)), ("SHOP", (1, 4, 3)), ("PASH", (3, 5, 1)), ("HIP", (6, 2, 3)), ("POP", (3, 4, 3))] * 3
    groups = LetterGroups(words)
    assert groups.cut("SHIP", (1, 2, 3)) == ["SH", "I", "P"]
    assert groups.cut("HOP", (6, 4, 3)) == ["H", "O", "P"]
    for spelling, phones in words:
        found = groups.cut(spelling, phones)
        assert found is not None
        assert "".join(found) == spelling
        assert len(found) == len(phones)


def test_a_word_with_too_many_letters_for_its_phones_has_no_groups() -> None:
    assert LetterGroups([("A", (1,))]).cut("AAAAAAAAA", (1, 1)) is None
