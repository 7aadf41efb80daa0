"""A sweep's variants are the paper's recipes, differ in what they are named after, and are trained once."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from undertone.app.cli.main import app
from undertone.engine import SettingsError
from undertone.train.recipes import load_recipe
from undertone.train.runs import sweep
from undertone.train.runs.sweep import BASE, SWEEPS, SweepInputs, sweep_costs, sweep_recipes, train_sweep

OF_THE_PAPER = {"beta-0.04": BASE, "gamma-0.5": BASE, "latent-4": BASE}


@pytest.mark.parametrize("name", SWEEPS)
def test_variants_of_the_papers_recipe_are_the_ablations_that_come_along(name: str) -> None:
    for variant, recipe in sweep_recipes(name).items():
        expected = load_recipe(OF_THE_PAPER.get(variant, f"librispeech-{variant}"))
        assert recipe.model_copy(update={"name": expected.name}) == expected


def test_variants_of_a_small_recipe_differ_from_each_other_alone() -> None:
    found = sweep_recipes("librispeech-gamma", "small-cpu", ("minutes=3", "gamma=9"))
    assert [recipe.gamma for recipe in found.values()] == [0.5, 1.0, 2.0]
    assert {recipe.minutes for recipe in found.values()} == {3}
    alike = {"gamma": 1.0, "name": ""}
    assert len({recipe.model_copy(update=alike).model_dump_json() for recipe in found.values()}) == 1
    with pytest.raises(SettingsError, match="no sweep 'beta'"):
        sweep_recipes("beta")


def test_costs_are_of_every_variant_and_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = iter([(1.5, 100), (2.0, 200), (None, None)])

    def cost(recipe: object, cpu: bool) -> SimpleNamespace:
        hours, steps = next(costs)
        return SimpleNamespace(hours=hours, steps=steps, parameters={"a": 1000, "b": 500}, device="CPU")

    monkeypatch.setattr(sweep, "dry_run", cost)
    lines = sweep_costs(sweep_recipes("librispeech-latent", "small-cpu"))
    assert "latent-4: 1,500 parameters, 100 steps, 1.5 h" in lines[0]
    assert "not timed" in lines[2]
    assert "3.5 h" in lines[3]


def test_a_second_call_trains_what_is_missing_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []

    def run(recipe: object, prepared: Path, tokenizer: Path, out: Path, cpu: bool, workers: int) -> None:
        trained.append(out.parent.name)
        if len(trained) == 2:
            raise KeyboardInterrupt

    def write(stages: object, bundle: Path, name: str, *rest: object) -> None:
        bundle.mkdir(parents=True)
        (bundle / "bundle.json").write_text(name)

    monkeypatch.setattr(sweep, "run_model", run)
    monkeypatch.setattr(sweep, "write_bundle", write)
    recipes = sweep_recipes("librispeech-latent", "small-cpu")
    inputs = SweepInputs(tmp_path, tmp_path, tmp_path, (), "cc0-1.0")
    with pytest.raises(KeyboardInterrupt):
        train_sweep(recipes, inputs, tmp_path)
    found = train_sweep(recipes, inputs, tmp_path)
    assert trained == ["latent-4", "latent-16", "latent-16", "latent-64"]
    assert [(path / "bundle.json").read_text() for path in found] == [f"sweep-{name}" for name in recipes]


def test_training_needs_its_folders() -> None:
    result = CliRunner().invoke(app, ["sweep", "librispeech-beta"])
    assert result.exit_code == 2
    assert "--dry-run" in result.output
