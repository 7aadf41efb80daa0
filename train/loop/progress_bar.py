"""The progress bar of a run: share of the budget, steps, frames a second, time to go."""

from contextlib import AbstractContextManager
from types import TracebackType

from tqdm import tqdm

from undertone.train.loop.budget import Budget, Clock

FORMAT = "{desc}: {percentage:3.0f}%|{bar:20}| {elapsed} so far, {remaining} to go{postfix}"


class RunProgress(AbstractContextManager["RunProgress"]):
    """A bar over the share of a budget, which begins where a resumed run stands.

    Args:
        visible: False for all processes but the main one.
    """

    def __init__(self, name: str, budget: Budget, clock: Clock, visible: bool = True) -> None:
        self._budget, self._at = budget, (clock.seconds, clock.frames)
        done = min(1.0, budget.progress(clock.step, clock.seconds, clock.frames))
        self._bar = tqdm(
            total=1.0, initial=done, desc=name, bar_format=FORMAT, disable=not visible, mininterval=5.0, smoothing=0.05
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def advance(self, clock: Clock) -> None:
        """Move the bar to where the clock stands."""
        used = min(1.0, self._budget.progress(clock.step, clock.seconds, clock.frames))
        if used > self._bar.n:
            self._bar.update(used - self._bar.n)

    def show(self, clock: Clock, means: dict[str, float]) -> None:
        """Show the step, the speed since the last call and the loss."""
        seconds, frames = clock.seconds - self._at[0], clock.frames - self._at[1]
        self._at = clock.seconds, clock.frames
        self._bar.set_postfix_str(progress_text(clock, self._budget, frames / max(seconds, 1e-9), means), refresh=False)


def progress_text(clock: Clock, budget: Budget, frames_per_second: float, means: dict[str, float]) -> str:
    """Return the text behind the bar: `step 1,240 of 20,000, 9,310 frames/s, loss 0.513`."""
    of = f" of {budget.steps:,}" if budget.steps is not None else ""
    words = [f"step {clock.step:,}{of}", f"{frames_per_second:,.0f} frames/s"]
    return ", ".join([*words, f"loss {means['loss']:.4g}"] if "loss" in means else words)
