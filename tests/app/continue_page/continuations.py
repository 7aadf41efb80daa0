"""A run of the Continue page without the page."""

from undertone.app.continue_page.generation import GenerationProgress, continue_prompt
from undertone.app.shared.live_player import Broadcast
from undertone.app.shared.opening import ContinuationSettings
from undertone.app.shared.visitor import Visit
from undertone.engine import Engine, Sampling

SETTINGS = ContinuationSettings(seconds=1.0, num_takes=2, seed=7, sampling=Sampling(steps=2, end="never"))


def finish(
    engine: Engine, visit: Visit, settings: ContinuationSettings = SETTINGS
) -> tuple[list[GenerationProgress], Broadcast]:
    """Continue a visit's clip from 0.5 to 2 s; return what the run reported and its live sound."""
    broadcast = Broadcast()
    prompt = visit.prompt(0.5, 2.0, engine.limits)
    return list(continue_prompt(engine, prompt, settings, visit.begin(), broadcast)), broadcast
