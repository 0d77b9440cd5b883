"""What fetching is bounded by, what comes of it, and what a source of lists is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from revocation.authorities import ListScope
from revocation.crl.archive import StoredList
from revocation.crl.decode import MAX_LIST_OCTETS
from revocation.errors import InputRefused, OutsideFailed


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of one fetch; every one is a promise to the rest of the machine, or to the server."""

    #: Downloads at the same time.
    parallel: int = 8
    #: Octets of one list: as many as the decoder takes.
    max_octets: int = MAX_LIST_OCTETS
    #: Octets gathered in memory before they are written; less than this is not worth going on with.
    piece_octets: int = 1024 * 1024
    #: Tries of one list, and seconds before the second; then doubled, with jitter of up to five times this.
    attempts: int = 3
    wait_s: float = 0.2
    #: The longest wait that a server may ask for (Retry-After); who asks for more is not tried again.
    wait_max_s: float = 60.0
    #: Seconds without an octet until a try is given up.
    idle_s: float = 30.0
    #: Seconds of one try of one list, so that a list that drips gives its turn to the others.
    list_s: float = 600.0
    #: Seconds for all lists together.
    deadline_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole file under its final name."""

    path: Path
    address: str
    etag: str | None


@dataclass(frozen=True, slots=True)
class NotModified:
    """The source's list is still the stored one."""

    stored: StoredList


@dataclass(frozen=True, slots=True)
class Failed:
    """No file: the outside failed, or somebody sent or configured what cannot be a list."""

    error: OutsideFailed | InputRefused


FetchResult = Fetched | NotModified | Failed


class ListSource(Protocol):
    """Where the lists of a cycle come from."""

    @property
    def offered(self) -> Collection[ListScope]:
        """The scopes that this source has an address for."""
        ...

    async def fetch(
        self,
        wanted: Collection[ListScope],
        folder: Path,
        *,
        stored: Mapping[str, StoredList],
        done: Callable[[], None],
    ) -> dict[ListScope, FetchResult]:
        """One result for each wanted scope; ``done`` is called after each. Files go into ``folder``.

        May be called again in the same cycle for what is still missing: parts lie in ``folder``.
        """
        ...


def final_path(folder: Path, scope: ListScope) -> Path:
    """The name that a list has when it is whole."""
    return folder / f"{scope.lineage.ca_id}.{scope.signing_key[:16]}.{scope.partition_number:05}.crl"
