"""Joules are counted over all packages, over a counter that begins anew, and not at all where nobody counts."""

from pathlib import Path

import pytest
import torch

from undertone.engine.energy import EnergyMeter

CPU = torch.device("cpu")


def count(powercap: Path, package: int, joules: float) -> None:
    folder = powercap / f"intel-rapl:{package}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "energy_uj").write_text(f"{round(1e6 * joules)}\n")
    (folder / "max_energy_range_uj").write_text("100000000\n")  # 100 J


def test_packages_are_added_and_their_parts_are_not_counted_twice(tmp_path: Path) -> None:
    count(tmp_path, 0, 10)
    count(tmp_path, 1, 95)
    count(tmp_path / "intel-rapl:0", 0, 1)  # the cores of package 0, as the kernel lists them, in it and beside it
    (tmp_path / "intel-rapl:0:0").symlink_to(tmp_path / "intel-rapl:0" / "intel-rapl:0")
    meter = EnergyMeter(CPU, tmp_path)
    count(tmp_path, 0, 12)
    count(tmp_path, 1, 5)  # it began anew at 100 J
    assert meter.joules() == pytest.approx(2 + 10)


def test_no_counter_is_no_number(tmp_path: Path) -> None:
    assert EnergyMeter(CPU, tmp_path / "missing").joules() is None
    count(tmp_path, 0, 10)
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()  # as where only the administrator may read it
    assert EnergyMeter(CPU, tmp_path).joules() is None
    count(tmp_path, 0, 10)
    meter = EnergyMeter(CPU, tmp_path)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("broken")
    assert meter.joules() is None
