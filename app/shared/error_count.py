"""Errors of a process's log, counted for Prometheus; nothing of them is kept."""

import logging

from prometheus_client import Counter


def count_errors(errors: Counter) -> None:
    """Count what the log of this process takes as an error from now on."""
    logging.getLogger().addHandler(_ErrorCounter(errors))


class _ErrorCounter(logging.Handler):
    """Counts records; it keeps nothing of them."""

    def __init__(self, errors: Counter) -> None:
        super().__init__(logging.ERROR)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        """Count one."""
        self._errors.inc()
