"""An engine whose continuations are made by replicas; what waits for nobody, analysis and prosody, is computed here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import httpcore2

from undertone.app.replicas.messages import AnswerMessage, ReplicaFacts, pack_request, read_chunk
from undertone.app.replicas.records import RecordError, RecordReader, parse_message
from undertone.engine import (
    BundleError,
    CallProgress,
    Chunk,
    Engine,
    Sampling,
    SettingsError,
    Speech,
    TakesRequest,
    UndertoneError,
)
from undertone.engine.generation.take_settings import StepKind

TIMEOUTS = {"connect": 10.0, "read": 120.0, "write": 60.0, "pool": 10.0}
MOST_CONNECTIONS = 256
LOST = "The replica that made this take has ended. Try again: another one makes the same take from the same seed."
NO_ANSWER = "No replica of the model answers at the moment. Try again in a minute."
_FAILURES = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException)


class ReplicaError(UndertoneError):
    """A replica that does not answer, or ended in the middle of a take."""


class RemoteEngine(Engine):
    """An engine on this machine's CPU whose takes are made elsewhere; they have the settings of where they were made.

    Attributes:
        slots: requests that the replicas may work at together.
    """

    slots: int
    _pool: httpcore2.ConnectionPool
    _url: httpcore2.URL

    @classmethod
    def connect(cls, folder: Path, socket: Path | None = None, host: str = "replicas", port: int = 80) -> Self:
        """Load a bundle and ask the replicas whether theirs is the same.

        Args:
            socket: Unix socket that leads to the replicas; None goes to host and port.
        Raises:
            BundleError: the bundle cannot be loaded, or the replicas have another.
            ReplicaError: no replica answers.
        """
        url = httpcore2.URL(scheme=b"http", host=host.encode(), port=port, target=b"/")
        uds = None if socket is None else str(socket)
        pool = httpcore2.ConnectionPool(uds=uds, max_connections=MOST_CONNECTIONS, keepalive_expiry=2.0)
        try:
            answer = pool.request(b"GET", url, extensions={"timeout": TIMEOUTS})
            facts = parse_message(ReplicaFacts, answer.content)
        except (*_FAILURES, RecordError) as error:
            raise ReplicaError("No replica of the model answers. Start them with `undertone replicas`.") from error
        engine = cls.from_pretrained(folder, "cpu", facts.dtype)  # as theirs, for the settings of a take to be replayed
        assert isinstance(engine, cls)
        engine._url, engine._pool = url, pool
        if facts.bundle_sha256 != engine.bundle.fingerprint:
            raise BundleError(
                f"the replicas have another bundle than {engine.bundle.name!r}. Give `undertone serve` and `undertone "
                "replicas` the same one."
            )
        engine.slots = facts.slots
        return engine

    def stream(
        self,
        speech: Speech,
        seconds: float = 10.0,
        sampling: Sampling = Sampling(),
        seed: int | None = None,
        num_takes: int = 1,
        progress: CallProgress = CallProgress(),
        step: StepKind | None = None,
    ) -> Iterator[Chunk]:
        """Yield chunks as the engine does; a stop is heard between two of them.

        Raises:
            SettingsError: at once.
            ReplicaError: no replica answers, or this one ended before the takes were made.
        """
        request = TakesRequest(speech, seconds, sampling, seed, num_takes, step)
        # Checked here without the compiled step, which only the replica may have; it checks again.
        checked = self._request(speech, seconds, sampling, seed, num_takes, "modules")
        return self._chunks(pack_request(request, checked.settings[0].seed), speech, progress)

    def _chunks(self, body: bytes, speech: Speech, progress: CallProgress) -> Iterator[Chunk]:
        began = False
        try:
            with self._pool.stream(b"POST", self._url, content=body, extensions={"timeout": TIMEOUTS}) as response:
                reader = RecordReader()
                for piece in response.iter_stream():
                    for text, tensors in reader.feed(piece):
                        message = parse_message(AnswerMessage, text)
                        if message.is_waiting:
                            progress.check()
                            continue
                        if message.refusal:
                            raise (SettingsError if message.by == "settings" else ReplicaError)(message.refusal)
                        chunk, began = read_chunk(message, tensors, speech.utterance), True
                        progress.update(chunk.frames_done, chunk.frames_total)
                        yield chunk
                        if chunk.takes:
                            return
        except (*_FAILURES, RecordError) as error:
            raise ReplicaError(LOST if began else NO_ANSWER) from error
        raise ReplicaError(LOST if began else NO_ANSWER)
