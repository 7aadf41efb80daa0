"""Williams squares: orders in which every treatment takes every place, and follows every other, equally often."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def williams_orders(items: Sequence[T]) -> list[tuple[T, ...]]:
    """Return orders of the items, balanced for position and for the item before (Williams 1949).

    Args:
        items: the treatments, all different.
    Returns:
        as many orders as there are items when their number is even, twice as many when it is odd.
    """
    size = len(items)
    zigzag = [(step + 1) // 2 if step % 2 else (size - step // 2) % size for step in range(size)]  # 0 1 -1 2 -2 …
    square = [tuple(items[(shift + place) % size] for place in zigzag) for shift in range(size)]
    return square if size % 2 == 0 else square + [order[::-1] for order in square]
