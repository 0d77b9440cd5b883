"""The port to an app that reaches a holder's card or phone.

The browser goes there and comes back with a one-time code; what was signed is fetched from server to
server, so that no certificate, which says name and address, passes through an address, a browser's history
or its log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from platform_api.consents.receiving import SignedApplication
from revocation.errors import OutsideFailed


@dataclass(frozen=True, slots=True, repr=False)
class SigningRequest:
    """What is to be signed, and where the browser shall come back to."""

    #: One-time, ours; it comes back with the browser and says which request this was.
    state: str
    application: bytes
    #: Registered with the app beforehand; without a secret in it.
    return_url: str
    language: str


@dataclass(frozen=True, slots=True, repr=False)
class Departure:
    """Where to send the browser, and the secret by which only we fetch the result."""

    url: str
    ticket: str


@dataclass(frozen=True, slots=True, repr=False)
class Signed:
    """What the holder signed, and his pairwise id (PPID) at this service, where the app gives one."""

    application: SignedApplication
    ppid: str | None


class HolderApp(Protocol):
    """One app. ``start`` and ``finish`` raise ``HolderAppFailed``."""

    @property
    def name(self) -> str:
        """Stands in the return address and in the form; ``[a-z_]{1,32}``."""
        ...

    @property
    def usable(self) -> bool:
        """Can a customer be sent there? Otherwise the page does not offer it."""
        ...

    @property
    def origin(self) -> str:
        """Scheme, host and port that the browser is sent to: the page's policy names it."""
        ...

    async def start(self, request: SigningRequest) -> Departure:
        """Announce the request to the app."""
        ...

    async def finish(self, ticket: str, code: str) -> Signed:
        """Fetch what the holder signed; the code works once."""
        ...


class HolderAppFailed(OutsideFailed):
    """The app did not answer, or not as it should; or there is none behind this port yet."""
