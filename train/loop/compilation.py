"""Compiled functions with a fallback to the plain function where the compiler fails."""

import logging
from collections.abc import Callable
from typing import Any

import torch

log = logging.getLogger(__name__)


class CompiledOrPlain:
    """A function that runs compiled until the compiler fails, then as it is."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._plain = function
        self._compiled: Callable[..., Any] | None = torch.compile(function)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function, compiled as long as the compiler works; its first failure is logged."""
        if self._compiled is not None:
            try:
                return self._compiled(*arguments, **named)
            except _compiler_error() as error:
                self._compiled = None
                reason = next(iter(str(error).strip().splitlines()), "")[:200]
                log.warning(
                    "this run is not compiled, which makes it slower and changes nothing else (%s: %s); "
                    "--set compile=false does not try",
                    type(error).__name__,
                    reason,
                )
        return self._plain(*arguments, **named)


def _compiler_error() -> type[Exception]:
    """Return the class of the compiler's failures; the compiler takes two seconds to import, compiled or not."""
    from torch._dynamo.exc import TorchDynamoException

    return TorchDynamoException
