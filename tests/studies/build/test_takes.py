"""Takes become systems of a study: by bundle and settings where that leaves equally many of each."""

from types import SimpleNamespace
from typing import cast

import pytest

from undertone.engine import Sampling
from undertone.studies.build.takes import TakeSound, take_systems


def take(bundle: str, temperature: float = 1.0) -> TakeSound:
    settings = SimpleNamespace(
        bundle_name=bundle, bundle_sha256=bundle, sampling=Sampling(token_temperature=temperature)
    )
    return cast(TakeSound, SimpleNamespace(settings=settings))


@pytest.mark.parametrize(
    ("takes", "systems"),
    [
        ([take("Ada's voice"), take("Token-LM")], {"ada-s-voice": [0], "token-lm": [1]}),
        ([take("a"), take("b"), take("a"), take("b")], {"a": [0, 2], "b": [1, 3]}),
        ([take("a"), take("a", 0.5)], {"settings-1": [0], "settings-2": [1]}),
        ([take("a"), take("a")], {"take-1": [0], "take-2": [1]}),
        ([take("a"), take("a"), take("b")], {"take-1": [0], "take-2": [1], "take-3": [2]}),
    ],
)
def test_systems_bear_the_names_of_their_bundles_where_these_tell_them_apart(
    takes: list[TakeSound], systems: dict[str, list[int]]
) -> None:
    assert take_systems(takes) == systems
