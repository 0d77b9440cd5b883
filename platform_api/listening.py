"""The port: one bound socket for a process that is alone, or one for each of several workers.

Of several (SO_REUSEPORT) the kernel gives each new connection to one of those that listen. A worker's socket
is closed with its process, so that no connection waits for one that is gone; the supervisor keeps a socket
that is bound and never listens, so that the port stays ours when no worker lives.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from platform_api.faults import AlreadyRunning, SetupRefused

if TYPE_CHECKING:
    from platform_api.config import Settings


class Where(Protocol):
    """Settings that say where to listen."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, as getaddrinfo(3) gives it."""

    host: str
    port: int
    family: int
    kind: int
    protocol: int
    at: tuple[Any, ...]

    @classmethod
    def of(cls, host: str, port: int) -> Address:
        try:
            family, kind, protocol, _, at = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
        except OSError:
            raise _refused(host, port, "one that is not this machine's") from None
        return cls(host, port, family, kind, protocol, at)

    def bind(self, *, shared: bool = False, port: int | None = None) -> socket.socket:
        """A bound socket that does not listen yet; ``shared``: others of ours may be bound to the same port.

        Raises ``AlreadyRunning`` PORT_IN_USE and ``SetupRefused`` ADDRESS_REFUSED.
        """
        try:
            bound = socket.socket(self.family, self.kind, self.protocol)
        except OSError:
            raise _refused(self.host, self.port, "one that is not this machine's") from None
        at = self.at if port is None else (self.at[0], port, *self.at[2:])
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            bound.bind(at)
        except OSError as failure:
            bound.close()
            if failure.errno == errno.EADDRINUSE:
                raise _in_use(self.host, self.port) from None
            raise _refused(
                self.host, self.port, errno.errorcode.get(failure.errno or 0, "an error")
            ) from None
        return bound


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """The bound socket; connections are taken only when everything is open."""
    with Address.of(settings.host, settings.port).bind() as bound:
        yield bound


class SharedPort:
    """A port on which several processes of ours listen, each on a socket of its own."""

    def __init__(self, address: Address, port: int) -> None:
        self._address = address
        self.port = port

    def bind(self) -> socket.socket:
        """A socket for one more worker."""
        return self._address.bind(shared=True, port=self.port)


@contextmanager
def sharing(settings: Where) -> Iterator[SharedPort]:
    """The port, held until all is over. Refused where anybody else listens, also another one of ours."""
    address = Address.of(settings.host, settings.port)
    with ExitStack() as held:
        # Without SO_REUSEPORT: refused beside a socket that listens, though that one would share.
        with address.bind() as alone:
            port = int(alone.getsockname()[1])
            held.enter_context(_only_one(settings, port))
            held.enter_context(address.bind(shared=True, port=port))
        yield SharedPort(address, port)


@contextmanager
def _only_one(settings: Where, port: int) -> Iterator[None]:
    """Two supervisors that start at once would both be allowed to share: a name that only one can have.

    (An abstract Unix socket: of this network namespace as the port is, and gone with its process.)
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as name:
        try:
            name.bind(f"\0jpki-serve-{settings.host}-{port}")
        except OSError:
            raise _in_use(settings.host, port) from None
        yield


def _in_use(host: str, port: int) -> AlreadyRunning:
    return AlreadyRunning(
        "PORT_IN_USE",
        expected=f"port {port} of {host} to be free",
        got="another process on it",
        remedy="stop that process, or choose another port with --port (0 takes a free one)",
    )


def _refused(host: str, port: int, got: str) -> SetupRefused:
    return SetupRefused(
        "ADDRESS_REFUSED",
        expected=f"an address and port to listen on, not {host}:{port}",
        got=got,
        remedy="correct --host and --port (ports below 1024 need rights)",
    )
