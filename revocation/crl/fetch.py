"""Fetch lists to files, over HTTP(S) or from a folder. Nothing is parsed here, and nothing half is handed on.

Each list is streamed to a temporary name and renamed when it is whole, so whatever ends the process, a
file under a final name is a whole download. All file I/O runs in threads.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol
from urllib.parse import urlsplit

import aiohttp
import stamina

from revocation.authorities import ListScope
from revocation.crl.archive import StoredList
from revocation.errors import InputRefused, OutsideFailed
from revocation.snapshot.durable import disk_errors

_CHUNK: Final = 1024 * 1024
_PART: Final = ".part"


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of one cycle's fetching; every one is a promise to the rest of the machine."""

    #: Downloads at the same time.
    parallel: int = 8
    #: Octets of one list.
    max_octets: int = 1024 * 1024 * 1024
    #: Tries of one list, and seconds before the second; then doubled, with jitter.
    attempts: int = 3
    wait_s: float = 0.2
    #: Seconds without an octet until a try is given up.
    idle_s: float = 30.0
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
    """The server says that its list is still the stored one."""

    stored: StoredList


@dataclass(frozen=True, slots=True)
class Failed:
    """No file: the outside failed (or somebody configured an address that is none)."""

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
        """One result for each wanted scope; ``done`` is called after each. Files go into ``folder``."""
        ...


class HttpSource:
    """Lists at HTTP(S) addresses: conditional, a bounded number at a time, no redirects, no proxies."""

    def __init__(
        self,
        addresses: Mapping[ListScope, str],
        *,
        limits: FetchLimits | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._addresses: Final = dict(addresses)
        self._limits: Final = limits or FetchLimits()
        self._ssl: Final = ssl_context

    @property
    def offered(self) -> Collection[ListScope]:
        return self._addresses.keys()

    async def fetch(
        self,
        wanted: Collection[ListScope],
        folder: Path,
        *,
        stored: Mapping[str, StoredList],
        done: Callable[[], None],
    ) -> dict[ListScope, FetchResult]:
        limits = self._limits
        connector = aiohttp.TCPConnector(limit=limits.parallel, ssl=self._ssl or True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=limits.idle_s, sock_read=limits.idle_s)
        # auto_decompress=False: what arrives is what is hashed and signed, and no bomb unpacks itself.
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            auto_decompress=False,
            trust_env=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "jpki-status"},
        ) as session:

            async def one(scope: ListScope) -> FetchResult:
                address = self._addresses[scope]
                known = stored.get(str(scope))
                if known is not None and (known.address != address or known.etag is None):
                    known = None
                return await self._one(session, address, _final_path(folder, scope), known)

            return await _all(wanted, one, limits, done)

    async def _one(
        self, session: aiohttp.ClientSession, address: str, target: Path, known: StoredList | None
    ) -> FetchResult:
        if urlsplit(address).scheme not in {"http", "https"}:
            return Failed(
                InputRefused(
                    "FETCH_ADDRESS",
                    expected="an http or https address",
                    got="another scheme",
                    remedy="correct the partition list",
                )
            )
        attempts = self._limits.attempts
        try:
            # retry_context, not the decorator: stamina logs a decorated call's arguments.
            async for attempt in stamina.retry_context(
                on=_worth_a_retry, attempts=attempts, timeout=None, wait_initial=self._limits.wait_s
            ):
                with attempt:
                    return await self._try(session, address, target, known)
        except OutsideFailed as error:
            return Failed(error)
        raise AssertionError("retry_context ends with a result or an error")

    async def _try(
        self, session: aiohttp.ClientSession, address: str, target: Path, known: StoredList | None
    ) -> FetchResult:
        headers = {"If-None-Match": known.etag} if known is not None and known.etag else {}
        try:
            async with session.get(address, headers=headers, allow_redirects=False) as response:
                if response.status == 304 and known is not None:
                    return NotModified(known)
                if response.status != 200:
                    raise _Status(response.status)
                await self._stream(response, target)
                return Fetched(target, address, response.headers.get("ETag"))
        except TimeoutError as error:
            raise _failed("FETCH_TIMEOUT", f"an octet every {self._limits.idle_s:g} s", "silence") from error
        except aiohttp.ClientPayloadError as error:
            raise _failed("FETCH_TRUNCATED", "the whole list", "a connection that ended before") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _failed("FETCH_UNREACHABLE", "a server that answers", type(error).__name__) from error

    async def _stream(self, response: aiohttp.ClientResponse, target: Path) -> None:
        limit = self._limits.max_octets
        announced = response.content_length
        if announced is not None and announced > limit:
            raise _too_large(limit)
        part = target.with_name(target.name + _PART)
        file = await asyncio.to_thread(_open, part)
        received = 0
        whole = False
        try:
            async for chunk in response.content.iter_chunked(_CHUNK):
                received += len(chunk)
                if received > limit:
                    raise _too_large(limit)
                await asyncio.to_thread(_write, file, chunk)
            if announced is not None and received != announced:
                raise _failed("FETCH_TRUNCATED", f"{announced} octets as announced", f"{received}")
            whole = True
        finally:
            # Also on cancellation: the part goes, and no final name was ever given.
            await asyncio.to_thread(_close, file, part, target if whole else None)


class FolderSource:
    """Lists that somebody else put into a folder; each is copied first, since it may be replaced any time."""

    def __init__(self, files: Mapping[ListScope, Path], *, limits: FetchLimits | None = None) -> None:
        self._files: Final = dict(files)
        self._limits: Final = limits or FetchLimits()

    @property
    def offered(self) -> Collection[ListScope]:
        return self._files.keys()

    async def fetch(
        self,
        wanted: Collection[ListScope],
        folder: Path,
        *,
        stored: Mapping[str, StoredList],  # noqa: ARG002 - a copy is cheap, and has no ETag
        done: Callable[[], None],
    ) -> dict[ListScope, FetchResult]:
        async def one(scope: ListScope) -> FetchResult:
            source, target = self._files[scope], _final_path(folder, scope)
            try:
                await asyncio.to_thread(_copy, source, target, self._limits.max_octets)
            except OutsideFailed as error:
                return Failed(error)
            except OSError as error:
                return Failed(
                    _failed("FETCH_UNREACHABLE", "a readable file", error.strerror or "an I/O error")
                )
            return Fetched(target, "folder", None)

        return await _all(wanted, one, self._limits, done)


async def _all(
    wanted: Collection[ListScope],
    one: Callable[[ListScope], Awaitable[FetchResult]],
    limits: FetchLimits,
    done: Callable[[], None],
) -> dict[ListScope, FetchResult]:
    """Fetch all, ``limits.parallel`` at a time; what the deadline finds unfinished has failed."""
    results: dict[ListScope, FetchResult] = {}
    queue = iter(sorted(wanted))

    async def worker() -> None:
        for scope in queue:
            results[scope] = await one(scope)
            done()

    try:
        async with asyncio.timeout(limits.deadline_s), asyncio.TaskGroup() as group:
            for _ in range(min(limits.parallel, len(wanted))):
                group.create_task(worker())
    except TimeoutError:
        late = _failed("FETCH_TIMEOUT", f"all lists within {limits.deadline_s:g} s", "some still missing")
        for scope in wanted:
            if scope not in results:
                results[scope] = Failed(late)
                done()
    return results


class _Status(OutsideFailed):
    """An HTTP status that is no answer."""

    def __init__(self, status: int) -> None:
        super().__init__(
            "FETCH_STATUS",
            expected="HTTP status 200",
            got=str(status),
            remedy="check the address and the server; redirects are not followed",
        )
        self.status = status


def _worth_a_retry(error: Exception) -> bool:
    """What may pass by itself: no answer, half an answer, a server that is busy."""
    if isinstance(error, _Status):
        return error.status in {408, 425, 429} or error.status >= 500
    return isinstance(error, OutsideFailed) and error.code in {
        "FETCH_UNREACHABLE",
        "FETCH_TRUNCATED",
        "FETCH_TIMEOUT",
    }


def _failed(code: str, expected: str, got: str) -> OutsideFailed:
    return OutsideFailed(
        code, expected=expected, got=got, remedy="check the server and the line, then run again"
    )


def _too_large(limit: int) -> OutsideFailed:
    return OutsideFailed(
        "FETCH_TOO_LARGE",
        expected=f"a list of at most {limit} octets",
        got="more",
        remedy="check that this is the right list, then raise the limit",
    )


def _final_path(folder: Path, scope: ListScope) -> Path:
    return folder / f"{scope.lineage.ca_id}.{scope.signing_key[:16]}.{scope.partition_number:05}.crl"


def _open(part: Path) -> BinaryIO:
    with disk_errors("FETCH_UNWRITABLE", "a fetched list"):
        return part.open("wb")


def _write(file: BinaryIO, chunk: bytes) -> None:
    with disk_errors("FETCH_UNWRITABLE", "a fetched list"):
        file.write(chunk)


def _close(file: BinaryIO, part: Path, target: Path | None) -> None:
    """Close the part, then give it its name, or remove it."""
    with disk_errors("FETCH_UNWRITABLE", "a fetched list"):
        try:
            file.close()
            if target is not None:
                part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def _copy(source: Path, target: Path, limit: int) -> None:
    part = target.with_name(target.name + _PART)
    with source.open("rb") as reader:
        if os.fstat(reader.fileno()).st_size > limit:
            raise _too_large(limit)
        writer = _open(part)
        whole = False
        try:
            while chunk := reader.read(_CHUNK):
                _write(writer, chunk)
            whole = True
        finally:
            _close(writer, part, target if whole else None)
