"""Files to be downloaded are deleted after their hour."""

from pathlib import Path

from tests.app.results.requests import ADA
from undertone.app.results.downloads import KEPT_SECONDS, Downloads


def test_files_are_deleted_after_an_hour(tmp_path: Path) -> None:
    now = [0.0]
    downloads = Downloads(tmp_path / "downloads", lambda: now[0])
    path = downloads.new_folder() / "report.html"
    path.write_text("x")
    key = downloads.offer(path, ADA, "reader").split("/")[-2]
    assert downloads.find(key, ADA) == path
    now[0] = KEPT_SECONDS
    assert downloads.find(key, ADA) is None
    assert not path.parent.exists()
