"""`undertone replicas`: start replicas of the engine, print their address, and run until interrupted."""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from undertone.app.package_data import EXAMPLES, asset_folder
from undertone.app.replicas.deployment import DeploymentSettings, deployed
from undertone.app.replicas.measured import measure_replicas
from undertone.app.replicas.remote import RemoteEngine
from undertone.engine import Engine, UndertoneError, limit_threads, read_audio

MOST_SLOTS = 256


def run_replicas(settings: DeploymentSettings, cluster: str | None = None, measured: int | None = None) -> None:
    """Run replicas until an interrupt or a termination.

    Args:
        cluster: as for `deployed`.
        measured: requests with which they are measured against this process, instead of waiting.
    Raises:
        UndertoneError: numbers out of their range, or as for `deployed`.
    """
    check_settings(settings)
    # Once more inside: Ray takes the signal for itself when it starts.
    with suppress(KeyboardInterrupt), _interruptible(), deployed(settings, cluster), _interruptible():
        print(f"Replicas answer. Now: undertone serve --engine ray://{settings.host}:{settings.port}", flush=True)
        if measured is None:
            threading.Event().wait()
        else:
            print(json.dumps(measure(settings, measured)), flush=True)


def measure(settings: DeploymentSettings, requests: int) -> dict[str, float]:
    """Return how fast replicas that answer are beside this process."""
    remote = RemoteEngine.connect(settings.bundle, host=settings.host, port=settings.port)
    engine = Engine.from_pretrained(settings.bundle, device="cuda" if settings.gpus else "cpu")
    limit_threads(engine)
    prompt, sample_rate_hz = read_audio(sorted(asset_folder(EXAMPLES).glob("*.wav"))[0])
    speech = engine.analyse(prompt, sample_rate_hz, 0.0, 3.0)
    return measure_replicas(engine, remote, speech, requests, settings.replicas).report()


def check_settings(settings: DeploymentSettings) -> None:
    """Check what was asked for. Raises UndertoneError naming the option."""
    if not 1 <= settings.replicas <= settings.most_replicas:
        raise UndertoneError(
            f"--replicas is {settings.replicas} and --most {settings.most_replicas}; expected 1 to --most."
        )
    if not 1 <= settings.slots <= MOST_SLOTS:
        raise UndertoneError(f"--slots is {settings.slots}; expected 1 to {MOST_SLOTS}.")
    if settings.cpus < 0 or settings.gpus < 0:
        raise UndertoneError("--cpus or --gpus is less than 0. Give the share that one replica may use.")
    if not settings.bundle.is_dir():
        raise UndertoneError(f"{settings.bundle} is no folder. Give the bundle's folder, the same on every machine.")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a termination raise KeyboardInterrupt, as an interrupt does, so that what was started is ended."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
