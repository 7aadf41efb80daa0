"""Replicas as a deployment of Ray Serve, whose proxy gives each request to the replica that has least to do.

https://docs.ray.io/en/latest/serve/index.html
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from undertone.app.replicas.replica import Replica
from undertone.engine import Engine, UndertoneError, limit_threads, load_bundle

NAME = "undertone"
BUSY_SHARE = 0.75  # of a replica's slots, on average, before another one is started
HEALTH_SECONDS = 5.0  # between two questions whether a replica still makes takes
RAY_VARIABLES = {"RAY_USAGE_STATS_ENABLED": "0"}
OWN_CLUSTER_VARIABLES = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on any system: Ray listens on loopback alone
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",  # 5 s are too few where cores are short
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
    "RAY_worker_niceness": "5",  # as the model's process has; Ray's own 15 is next to nothing where cores are short
}


@dataclass(frozen=True)
class DeploymentSettings:
    """Settings of the replicas.

    Attributes:
        bundle: folder, at the same place on every machine.
        replicas: that run always.
        most_replicas: that run when there is much to do.
        slots: requests that one replica works at together.
        gpus, cpus: of each; a share of a GPU may be given to several.
        host, port: of the proxy.
    """

    bundle: Path
    replicas: int = 2
    most_replicas: int = 2
    slots: int = 8
    cpus: float = 1.0
    gpus: float = 0.0
    host: str = "127.0.0.1"
    port: int = 8000


class ReplicaDeployment:
    """A replica in a process of its own, which Ray starts."""

    def __init__(self, settings: DeploymentSettings) -> None:
        engine = Engine.from_pretrained(settings.bundle, device="cuda" if settings.gpus else "cpu")
        limit_threads(engine)
        engine.compiled_step()
        self._replica = Replica(engine, settings.slots, settings.most_replicas)

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        return await self._replica.answer(request)

    def check_health(self) -> None:
        """Check that takes can be made; Ray starts another replica where this raises RuntimeError."""
        if not self._replica.is_alive:
            raise RuntimeError("the thread that makes takes has ended")


@contextmanager
def deployed(settings: DeploymentSettings, cluster: str | None = None) -> Iterator[None]:
    """Run replicas for as long as the block does; it begins when they answer.

    Args:
        cluster: address of a Ray cluster, "auto" for the one of this machine; None starts one, and ends it.
    Raises:
        ModuleNotFoundError: Ray is not installed.
        UndertoneError: the bundle cannot be loaded, the port is taken, there is no such cluster, or the replicas do not
            start.
    """
    for name, value in (RAY_VARIABLES if cluster else RAY_VARIABLES | OWN_CLUSTER_VARIABLES).items():
        os.environ.setdefault(name, value)  # read when Ray is imported and when it starts its processes
    import ray
    from ray import serve

    load_bundle(settings.bundle)  # what is wrong with it is said here, and not in the log of a replica
    if cluster is None:
        _check_port(settings)
    own = {} if cluster else _own_cluster(settings)
    try:
        try:
            ray.init(address=cluster or "local", log_to_driver=False, **own)
        except Exception as error:  # Ray raises the bare class, too
            where = "of this machine does not start" if cluster is None else f"at {cluster!r} is not found"
            raise UndertoneError(f"the Ray cluster {where}: {_last_line(error)}") from error
        _start(settings)
        yield
    finally:
        if ray.is_initialized() and cluster is None:
            serve.shutdown()
        elif ray.is_initialized():
            serve.delete(NAME)  # what else the cluster serves goes on
        ray.shutdown()


def scaling_of(settings: DeploymentSettings) -> dict[str, Any]:
    """Return how many replicas there are, as Ray Serve takes it."""
    if settings.most_replicas == settings.replicas:
        return {"num_replicas": settings.replicas}
    bounds = {"min_replicas": settings.replicas, "max_replicas": settings.most_replicas}
    return {"autoscaling_config": bounds | {"target_ongoing_requests": max(1.0, BUSY_SHARE * settings.slots)}}


def _start(settings: DeploymentSettings) -> None:
    from ray import serve
    from ray.exceptions import RayError

    deployment = serve.deployment(
        ReplicaDeployment,
        name=NAME,
        max_ongoing_requests=settings.slots,
        health_check_period_s=HEALTH_SECONDS,
        ray_actor_options={"num_cpus": settings.cpus, "num_gpus": settings.gpus},
        **scaling_of(settings),
    )
    try:
        serve.start(http_options={"host": settings.host, "port": settings.port})
        serve.run(deployment.bind(settings), name=NAME)
    except (RuntimeError, TimeoutError, RayError) as error:
        raise UndertoneError(f"the replicas do not start: {_last_line(error)}") from error


def _own_cluster(settings: DeploymentSettings) -> dict[str, Any]:
    """Return the options of a cluster of this machine, which nobody else reaches.

    It is said to have cores for all the replicas, however many there are.
    """
    cpus = max(os.cpu_count() or 1, round(settings.cpus * settings.most_replicas) + 1)
    return {"include_dashboard": False, "num_cpus": cpus}


def _check_port(settings: DeploymentSettings) -> None:
    try:
        socket.create_server((settings.host, settings.port)).close()
    except OSError as error:
        raise UndertoneError(
            f"the replicas cannot listen on {settings.host}:{settings.port} ({error.strerror}). Choose another --port."
        ) from error


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
