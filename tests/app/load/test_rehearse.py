"""A rehearsal at small size on a real server: everybody is answered, nothing acknowledged is lost, nothing stays."""

from pathlib import Path

import pytest

from tests.clips import speechlike, write_wav16
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.load.measured import CrowdMeasures
from undertone.app.load.rehearse import Crowd, rehearse


def test_raters_and_visitors_are_served_beside_connections_that_only_hold_on(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "tiny")
    clip = write_wav16(tmp_path / "clip.wav", speechlike(4.0))
    crowd = Crowd(raters=4, visitors=3, idle=20, slow=5, minutes=0.15, clip_seconds=2.0, speech_seconds=1.0)
    found = rehearse(str(bundle), clip, crowd)
    assert found["ratings"]["acknowledged"] >= crowd.raters
    assert found["ratings"]["lost"] == 0
    assert found["runs"]["finished"] >= crowd.visitors
    assert found["refused"] == {}
    assert found["left_megabytes"] < 5


def test_a_lost_rating_and_a_refusal_are_said() -> None:
    measured = CrowdMeasures(acknowledged={"a", "b"}, rating_seconds=[0.1] * 19 + [2.0])
    measured.refuse("visitor")
    found = measured.summary(lost=1, left_bytes=3_000_000)
    assert found["ratings"] == {"acknowledged": 2, "lost": 1, "p50": 0.1, "p95": pytest.approx(0.195), "longest": 2.0}
    assert found["refused"] == {"visitor": 1}
    assert found["left_megabytes"] == 3.0
