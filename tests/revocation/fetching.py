"""What the tests of fetching share: scopes, one call that asks for everything, files read off the loop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import stamina
from stamina.instrumentation import RetryDetails

from revocation.authorities import Lineage, ListScope
from revocation.crl.archive import StoredList
from revocation.crl.fetch import Failed, Fetched, FetchLimits, FetchResult, HttpSource, ListSource
from tests.revocation.list_server import ListServer

#: Little patience; a piece of 1 KiB makes small lists worth going on with.
QUICK = FetchLimits(
    parallel=4, max_octets=100_000, piece_octets=1024, attempts=2, wait_s=0.01, idle_s=0.3, deadline_s=5.0
)
ONE_TRY = FetchLimits(piece_octets=1024, attempts=1, idle_s=2.0, deadline_s=10.0)


def scope(number: int) -> ListScope:
    return ListScope(Lineage("card-sign", "ab" * 32), "ab" * 32, number, bytes(32))


async def listing(folder: Path) -> list[str]:
    return await asyncio.to_thread(lambda: sorted(path.name for path in folder.iterdir()))


async def content(path: Path) -> bytes:
    return await asyncio.to_thread(path.read_bytes)


async def fetch(
    source: ListSource, folder: Path, *, stored: Mapping[str, StoredList] | None = None
) -> dict[ListScope, FetchResult]:
    return await source.fetch(list(source.offered), folder, stored=stored or {}, done=lambda: None)


async def fetch_url(
    url: str, folder: Path, limits: FetchLimits = QUICK, *, known: StoredList | None = None
) -> FetchResult:
    stored = {} if known is None else {str(scope(1)): known}
    return (await fetch(HttpSource({scope(1): url}, limits=limits), folder, stored=stored))[scope(1)]


def code(result: FetchResult) -> str:
    """The code of a failure that says everything: what was expected, what came, and what to do."""
    assert isinstance(result, Failed), result
    assert result.error.expected
    assert result.error.got
    assert result.error.remedy
    return result.error.code


@contextmanager
def retries() -> Iterator[list[RetryDetails]]:
    """Retries go into a list, not into the log."""
    seen: list[RetryDetails] = []
    hooks = stamina.instrumentation.get_on_retry_hooks()
    stamina.instrumentation.set_on_retry_hooks([seen.append])
    try:
        yield seen
    finally:
        stamina.instrumentation.set_on_retry_hooks(hooks)


#: A list that is cut off, one of the same length that comes after it, and where the first is cut.
LIST, OTHER = random.Random(1).randbytes(20_000), random.Random(2).randbytes(20_000)
CUT = 10_000
NAME = "card-sign.abababababababab.00001.crl"
#: A part and its note.
PAIR = [f"{NAME}.part", f"{NAME}.part.json"]


async def again(server: ListServer, folder: Path) -> FetchResult:
    return await fetch_url(server.url("/1.crl"), folder, ONE_TRY)


async def cut_off(server: ListServer, folder: Path) -> None:
    """One try that is cut off after ``CUT`` octets; the server forgets that it was asked."""
    server.cuts["/1.crl"] = [CUT]
    assert code(await again(server, folder)) == "FETCH_TRUNCATED"
    server.asked.clear()
    server.requests.clear()


async def arrived(result: FetchResult, folder: Path, body: bytes) -> None:
    """The whole list under its name, and nothing beside it."""
    assert isinstance(result, Fetched)
    assert await content(result.path) == body
    assert await listing(folder) == [NAME]


def ranges(server: ListServer) -> list[str | None]:
    """What each request asked for."""
    return [asked.get("Range") for asked in server.asked]
