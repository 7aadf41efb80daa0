"""The voice of the Ladder page: it says units of its own phones, as long as they are, and keeps what it has said."""

import base64
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import soundfile

from undertone.app.ladder.voice import LadderVoice
from undertone.app.shared.context import Context


def test_units_are_said_as_long_as_they_are_and_kept(context: Context, clip_path: Path) -> None:
    voice = LadderVoice(replace(context, examples=(clip_path,)))
    units = (0, 1, 2, 3, 4, 5)
    assert voice.kept(units) is None
    sound = voice.say(units)
    samples, rate = soundfile.read(BytesIO(base64.b64decode(sound.partition(",")[2])))
    assert len(samples) / rate == voice.seconds(units)
    assert voice.kept(units) == voice.say(units) == sound


def test_units_of_other_phones_are_not_said(context: Context, clip_path: Path) -> None:
    assert not LadderVoice(replace(context, examples=(clip_path,))).can_say(("AH", "T"))
    assert not LadderVoice(context).can_say(())
