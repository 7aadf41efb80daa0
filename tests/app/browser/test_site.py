"""What the folder of a static page has beside its graphs; tests/browser/test_static_page.py opens a whole one."""

import re
from pathlib import Path

import pytest
import yaml

from tests.tiny_bundle import make_tiny_bundle
from undertone.app.browser import site
from undertone.app.browser.runtime import RuntimeFilesError
from undertone.app.browser.site import MARK, SCRIPTS, SitePlan, check_may_be_written, site_readme, write_site
from undertone.engine.bundle import Bundle, load_bundle
from undertone.engine.errors import UndertoneError

HERE = Path(site.__file__).parent


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny", student=True))


def test_every_script_is_copied_and_imports_only_what_is() -> None:
    assert sorted(SCRIPTS) == sorted(path.name for path in HERE.glob("*.js"))
    for name in SCRIPTS:
        text = (HERE / name).read_text(encoding="utf-8")
        assert set(re.findall(r'from "\./([^"]+)"', text)) <= set(SCRIPTS), name


def test_the_page_names_no_other_host_and_sends_nothing() -> None:
    page = (HERE / "index.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert "connect-src 'self'" in page
    for path in HERE.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://\w", text), path.name
        assert not re.search(r"XMLHttpRequest|WebSocket|sendBeacon|method:", text), path.name


def test_the_readme_makes_a_static_space_whose_page_is_isolated(bundle: Bundle) -> None:
    _, matter, text = site_readme(bundle, SitePlan(title="A: voice")).split("---\n", 2)
    fields = yaml.safe_load(matter)
    assert fields["sdk"] == "static"
    assert fields["title"] == "A: voice"
    assert fields["custom_headers"]["cross-origin-embedder-policy"] == "require-corp"
    assert bundle.config.licence in text


def test_a_folder_of_something_else_is_left_alone(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(UndertoneError, match="Choose another folder"):
        write_site(bundle, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years"
    (tmp_path / MARK).write_text("{}")
    check_may_be_written(tmp_path)


def test_without_the_runtime_nothing_is_written(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(RuntimeFilesError):
        write_site(bundle, tmp_path / "site", SitePlan(runtime=tmp_path / "nothing"))
    assert not (tmp_path / "site").exists()
