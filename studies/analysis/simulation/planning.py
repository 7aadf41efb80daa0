"""What a planned study would show, by simulating it: half-widths that are reached, differences that are found."""

from dataclasses import dataclass

import numpy as np

from undertone.studies.analysis.clustered import LEVEL
from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.simulation.coverage import WithinFits, mean_fits
from undertone.studies.analysis.simulation.simulate import HIGHEST, LOWEST, Design, allocate, draw_batches


@dataclass(frozen=True)
class SimulatedPlan:
    """Shares over simulated studies of one design.

    Attributes:
        half_width_reached: half-width that a given system's mean has or stays below, in the share asked for.
        difference_half_width_reached: the same for a given difference.
        power: share of studies that find the difference of two given systems; None where none was asked for.
        studies: that were simulated.
    """

    half_width_reached: float
    difference_half_width_reached: float | None
    power: float | None
    studies: int


def simulate_plan(
    design: Design,
    components: VarianceComponents,
    assurance: float = 0.8,
    difference: float | None = None,
    contrasts: int = 1,
    middle: float = 3.0,
    studies: int = 500,
    seed: int = 0,
) -> SimulatedPlan:
    """Simulate a planned study many times, through the same fits as the report.

    Args:
        design: who rates what.
        components: of the liking before it is rounded to the scale of 1 to 5.
        assurance: share of studies that the half-widths are for.
        difference: true difference of the first two systems, half above and half below the middle.
        contrasts: in the family that is corrected.
        middle: liking of all systems.
        studies: how many.
        seed: of allocation and draws.
    """
    layout = allocate(design, seed)
    means = np.full(design.num_systems, middle)
    if difference is not None:
        means[:2] += np.array([0.5, -0.5]) * difference
    within = WithinFits.of(layout) if design.num_systems > 1 else None
    widths, gaps, found = [], [], []
    for y in draw_batches(layout, means, components, studies, seed + 1):
        widths.append(mean_fits(y, layout, (LOWEST, HIGHEST)).half_widths[:, 0])
        if within is not None:
            fits = within.fit(y)
            gaps.append(fits.half_widths[:, 0])
            found.append(fits.p[:, 0] * contrasts <= 1 - LEVEL)
    return SimulatedPlan(
        half_width_reached=float(np.nanquantile(np.concatenate(widths), assurance)),
        difference_half_width_reached=float(np.nanquantile(np.concatenate(gaps), assurance)) if gaps else None,
        power=float(np.concatenate(found).mean()) if found and difference is not None else None,
        studies=studies,
    )
