"""A visit of the Prosody page: one task at a time, and visitors apart."""

import copy
from pathlib import Path

from undertone.app.prosody.editing_session import EditingSession
from undertone.app.prosody.saved_settings import read_prosody_settings
from undertone.app.prosody.visit import ProsodyVisit
from undertone.app.shared.context import Context


def test_a_task_that_was_replaced_is_no_longer_taken(tmp_path: Path) -> None:
    visit = ProsodyVisit(tmp_path)
    visit.start("render")
    first = visit.current_task("render")
    visit.start("draft")
    assert first is not None
    assert first.run.stop.is_set()
    assert visit.current_task("render") is None
    assert visit.current_task("draft") is not None
    visit.cancel()
    assert visit.current_task("draft") is None


def test_each_visitor_begins_without_a_session(context: Context, edited_take: EditingSession) -> None:
    visit = ProsodyVisit(context.folder)
    visit.open(edited_take)
    fresh = copy.deepcopy(visit)
    assert fresh.editing is None
    assert fresh.task is None
    assert fresh.source is not visit.source
    assert fresh.root == visit.root


def test_files_are_the_visitors_own_and_lossless(editing: EditingSession, tmp_path: Path) -> None:
    here, there = ProsodyVisit(tmp_path), ProsodyVisit(tmp_path)
    wav, settings = here.save(editing.after)
    assert there.save(editing.after)[0].read_bytes() == wav.read_bytes()
    assert here.folder != there.folder
    assert read_prosody_settings(settings.read_bytes()) == editing.after.settings
    assert here.write_playback(editing.after.audio).is_relative_to(here.folder)
    folder = here.folder
    here.close()
    assert not folder.exists()
    assert there.folder.exists()
