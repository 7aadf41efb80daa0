"""Takes: every visitor has files of their own, and they go with the visit."""

import torch

from tests.app.continue_page.continuations import finish
from tests.clips import speechlike
from undertone.app.continue_page.takes import take_files
from undertone.app.shared.context import Context
from undertone.app.shared.prompt_clip import PromptClip
from undertone.app.shared.visitor import Visit
from undertone.engine import Engine


def test_two_visitors_have_their_own_clips_takes_and_files(engine: Engine, context: Context, visit: Visit) -> None:
    other = context.new_visit()
    other.clip = PromptClip(speechlike(4.0, hz=220, seed=5), 16_000)
    for one in (visit, other):
        one.keep(list(finish(engine, one)[0][-1].takes))
        take_files(one, 0)
    assert not torch.equal(visit.takes[0].audio, other.takes[0].audio)
    assert visit.folder != other.folder
    ours, theirs = take_files(visit, 0).wav, take_files(other, 0).wav
    assert ours.read_bytes() != theirs.read_bytes()
    assert ours.is_relative_to(visit.folder)
    assert not theirs.is_relative_to(visit.folder)


def test_a_closed_visit_leaves_no_file_behind(engine: Engine, visit: Visit) -> None:
    visit.keep(list(finish(engine, visit)[0][-1].takes))
    folder = take_files(visit, 1).wav.parent
    assert folder.is_dir()
    visit.close()
    assert not folder.exists()
    assert not visit.takes
