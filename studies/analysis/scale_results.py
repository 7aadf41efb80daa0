"""Everything that an analysis finds on one scale of a study."""

from dataclasses import dataclass, field

from undertone.studies.analysis.bootstrap import Bootstrap
from undertone.studies.analysis.choices import ReasonCount
from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.effects import EffectSize, Equivalence, GroupDifference, Omnibus, Rank
from undertone.studies.analysis.mixed import MixedModel
from undertone.studies.analysis.mos import MosTable
from undertone.studies.analysis.order import OrderEffect
from undertone.studies.analysis.ordinal import OrdinalModel
from undertone.studies.analysis.pairs import Comparison
from undertone.studies.analysis.preferences import Preferences
from undertone.studies.analysis.ranking import Ranking
from undertone.studies.analysis.raters import Rater
from undertone.studies.analysis.reliability import Alpha
from undertone.studies.analysis.screening import ScreeningEffect


@dataclass(frozen=True)
class ScaleResults:
    """Everything on one scale; parts are None where `notes` says why.

    Attributes:
        screened: whether the primary numbers are of accepted sessions; False while there are none.
        order: whether the place in the session matters; None where places are unknown.
        tested: whether differences have intervals and p values; False while the study runs.
        omnibus: that all systems are equal; None where it is not tested.
        equivalences: of every pair, where the study file declares a margin.
        groups: raters by device and by what they said of themselves, where there are two groups of three.
        adjusted: means as if every system had met the same raters and prompts; empty where they cannot be told.
        ordinal: the ordinal mixed model; None where the systems are ranked by choices.
    """

    scale: str
    screened: bool
    mos: MosTable
    comparison: Comparison
    bootstrap: Bootstrap
    mixed: MixedModel
    alpha: Alpha
    components: VarianceComponents | None
    screening: ScreeningEffect
    raters: tuple[Rater, ...]
    preferences: Preferences | None
    order: OrderEffect | None = None
    tested: bool = True
    omnibus: Omnibus | None = None
    effects: tuple[EffectSize, ...] = ()
    equivalences: tuple[Equivalence, ...] = ()
    ranks: tuple[Rank, ...] = ()
    groups: tuple[GroupDifference, ...] = ()
    adjusted: dict[str, float] = field(default_factory=dict)
    ordinal: OrdinalModel | None = None
    notes: tuple[str, ...] = ()
    kind: str = "rating"  # of the study's trials
    ranking: Ranking | None = None  # where clips were chosen from
    reasons: tuple[ReasonCount, ...] = ()  # why, where it was asked
