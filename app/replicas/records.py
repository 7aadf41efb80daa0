"""Records that an app and a replica send each other: a message as JSON, and tensors as safetensors. No pickle."""

import struct
from collections.abc import Iterator, Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from undertone.engine import UndertoneError

MOST_BYTES = 64 * 2**20  # of a record: 16 takes of a minute
_LENGTHS = struct.Struct("<II")  # of the JSON and of the tensors, in bytes
Message = TypeVar("Message", bound=BaseModel)


class RecordError(UndertoneError):
    """Bytes that are no record, or a record of another kind."""


class RecordMessage(BaseModel):
    """Base of what is sent as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def pack(message: RecordMessage, tensors: Mapping[str, Tensor]) -> bytes:
    """Return a record."""
    text = message.model_dump_json().encode()
    data = save({name: tensor.contiguous() for name, tensor in tensors.items()})
    return _LENGTHS.pack(len(text), len(data)) + text + data


class RecordReader:
    """Reader of records whose bytes come in pieces of any size."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def is_between(self) -> bool:
        """Return whether no record has begun that is not whole yet."""
        return not self._bytes

    def feed(self, piece: bytes) -> Iterator[tuple[bytes, dict[str, Tensor]]]:
        """Yield the records that became whole: JSON and tensors. Raises RecordError."""
        self._bytes += piece
        while len(self._bytes) >= _LENGTHS.size:
            text, data = _LENGTHS.unpack_from(self._bytes)
            if text + data > MOST_BYTES:
                raise RecordError(f"a record of {text + data} bytes was announced; expected {MOST_BYTES} at most.")
            middle, end = _LENGTHS.size + text, _LENGTHS.size + text + data
            if len(self._bytes) < end:
                return
            record = bytes(self._bytes[_LENGTHS.size : middle]), bytes(self._bytes[middle:end])
            del self._bytes[:end]
            try:
                yield record[0], load(record[1])
            except SafetensorError as error:
                raise RecordError(f"the tensors of a record cannot be read: {error}.") from error


def parse_message(kind: type[Message], text: bytes) -> Message:
    """Return a message of one kind. Raises RecordError naming the first thing that is wrong."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RecordError(f"{kind.__name__}: {where}: {first['msg']}.") from error
