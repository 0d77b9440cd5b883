"""What the supervisor and a worker say to each other: JSON lines over a pair of sockets.

From the worker: ``ready``; ``prepared`` (look at my slot); ``refused`` (why I cannot start); ``told`` (the
answer to a question). From the supervisor: ``flip`` (the serving word has risen); ``ask``; ``news`` (what
its kind of workers is told, secrets too: nobody else can read this). An end of the stream is the end of the
other process.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any, Final

import orjson

from revocation.errors import InputRefused, OutsideFailed, OwnFault, RevocationError
from revocation.exits import exit_code_of

#: Above any /metrics of ours.
_MOST_LINE: Final = 8 * 1024 * 1024
_FAMILIES: Final[Mapping[str, type[RevocationError]]] = {
    family.__name__: family for family in (InputRefused, OutsideFailed, OwnFault)
}


class Channel:
    """One end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Channel:
        """Takes ``end`` over: it is closed with the channel."""
        end.setblocking(False)
        return cls(*await asyncio.open_unix_connection(sock=end, limit=_MOST_LINE))

    def send(self, say: str, **more: Any) -> None:
        """Without waiting; what the other end does not live to read is lost with it."""
        if not self._writer.is_closing():
            self._writer.write(orjson.dumps({"say": say, **more}) + b"\n")

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None when the other end is gone."""
        try:
            line = await self._reader.readline()
            return None if not line.endswith(b"\n") else dict(orjson.loads(line))
        except (OSError, ValueError):
            return None

    async def close(self) -> None:
        """After what was sent has left this process."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return


def refusal_record(error: RevocationError) -> dict[str, Any]:
    """An error of ours as fields of a message: its texts are made to be read by whoever runs the service."""
    family = next(name for name, kind in _FAMILIES.items() if isinstance(error, kind))
    return {
        "family": family,
        "code": error.code,
        "expected": error.expected,
        "got": error.got,
        "remedy": error.remedy,
        "exit_code": int(exit_code_of(error)),
    }


def refusal_of(record: Mapping[str, Any]) -> RevocationError:
    """The error again, of the same family, with the same sentence and exit code."""
    error = _FAMILIES[record["family"]](
        record["code"], expected=record["expected"], got=record["got"], remedy=record["remedy"]
    )
    vars(error)["exit_code"] = record["exit_code"]  # ``exit_code_of`` asks for it
    return error
