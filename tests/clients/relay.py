"""A relay between client and responder: octets pass unchanged both ways, and are kept.

So a client speaks to our own HTTP server, and what it really sent is known afterwards.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.clients.observed import Exchange, take_exchanges


class _Conversation:
    """One connection's octets."""

    def __init__(self) -> None:
        self.up = bytearray()
        self.down = bytearray()


class Relay:
    """Listens on a port of 127.0.0.1 from the start; forwards to ``target`` once that is set."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.2)
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._conversations: list[_Conversation] = []
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.target: int | None = None

    def __enter__(self) -> Self:
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._acceptor.join(10)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def taken(self) -> list[Exchange]:
        """What was asked and answered since the last call, in the order of the connections."""
        with self._lock:
            return [found for each in self._conversations for found in take_exchanges(each.up, each.down)]

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._carry, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _carry(self, client: socket.socket) -> None:
        conversation = _Conversation()
        with self._lock:
            self._conversations.append(conversation)
        assert self.target is not None, "asked before the responder was started"
        with client, socket.create_connection(("127.0.0.1", self.target), timeout=5) as server:
            down = threading.Thread(target=self._pump, args=(server, client, conversation.down))
            down.start()
            self._pump(client, server, conversation.up)
            down.join()

    def _pump(self, source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
        """Until the source ends; then the sink hears that it did."""
        source.settimeout(0.2)
        with suppress(OSError):  # either side may be gone at any moment, and then it is over
            while not self._stopped.is_set():
                try:
                    octets = source.recv(65_536)
                except TimeoutError:
                    continue
                if not octets:
                    break
                with self._lock:  # before it is sent on: the client may be done as soon as it has it
                    kept += octets
                sink.sendall(octets)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
