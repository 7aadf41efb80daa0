"""Pieces of sentences that reports and findings share."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def capitalised(text: str) -> str:
    """Return a sentence with its first letter large; names in it stay as they are."""
    return text[:1].upper() + text[1:]
