"""AdamW whose state is spread over the processes of a run (ZeRO stage 1, arXiv 1910.02054), by torch's optimiser."""

from collections.abc import Iterable
from typing import Any

import torch
from torch.distributed.optim import ZeroRedundancyOptimizer


class ShardedAdamW(ZeroRedundancyOptimizer):
    """AdamW of which each process keeps the moments of its share of the parameters, and steps over those alone.

    Weights and gradients stay whole in every process. A checkpoint holds the whole state, numbered as AdamW's is, so a
    run goes on with any number of processes, and with a plain AdamW.

    Args:
        groups: parameter groups, on the device of the run.
        settings: of AdamW.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], **settings: Any) -> None:
        super().__init__(list(groups), torch.optim.AdamW, **settings)

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state in the main process and none in others; all processes call this together."""
        self.consolidate_state_dict(to=0)
        if self.rank == 0:
            return dict(super().state_dict())
        return {"state": {}, "param_groups": super(ZeroRedundancyOptimizer, self).state_dict()["param_groups"]}
