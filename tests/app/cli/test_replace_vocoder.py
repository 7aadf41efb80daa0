"""`undertone replace-vocoder`: a bundle with the vocoder of a later run, ready to be opened."""

from pathlib import Path

from typer.testing import CliRunner

from tests.tiny_bundle import make_tiny_bundle
from undertone.app.cli.main import app
from undertone.engine.bundle import load_bundle
from undertone.engine.config import SourceFilterConfig
from undertone.engine.vocoders import SourceFilter
from undertone.train.loop.run import Clock
from undertone.train.loop.stage_export import export_stage


def test_the_bundle_opens_with_the_vocoder_of_the_run_and_names_it(tmp_path: Path) -> None:
    run = tmp_path / "clearer"
    run.mkdir()
    config = SourceFilterConfig(
        channels=16, hidden_channels=16, num_layers=1, pitch_channels=16, pitch_hidden_channels=16, pitch_layers=1
    )
    export_stage(SourceFilter(config), config, Clock(3, 60.0), run, {})
    bundle, out = make_tiny_bundle(tmp_path / "tiny"), tmp_path / "out"
    done = CliRunner().invoke(app, ["replace-vocoder", str(bundle), "--vocoder", str(run), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [str(out), str(out / "README.md")]
    made = load_bundle(out)
    assert isinstance(made.vocoder, SourceFilter)
    assert made.config.provenance.recipe.endswith("its vocoder was replaced by clearer")
    assert made.config.model == load_bundle(bundle).config.model
