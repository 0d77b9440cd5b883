"""Lists at HTTP(S) addresses: conditional, a bounded number at a time; no redirects, proxies or cookies."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from revocation.authorities import ListScope
from revocation.crl.archive import StoredList
from revocation.crl.fetch import failures
from revocation.crl.fetch.download import Download
from revocation.crl.fetch.results import Failed, FetchLimits, FetchResult, final_path
from revocation.crl.fetch.tls import checked
from revocation.crl.fetch.turns import Turns, fetch_all
from revocation.crl.parts import Part, noted_parts
from revocation.errors import InputRefused, OutsideFailed


class HttpSource:
    """Lists from servers. ``ssl_context`` (see ``list_server_tls``) for https; else the system's CAs."""

    def __init__(
        self,
        addresses: Mapping[ListScope, str],
        *,
        limits: FetchLimits | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._addresses: Final = dict(addresses)
        self._limits: Final = limits or FetchLimits()
        self._ssl: Final = checked(ssl_context)

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
        turns = Turns(limits.parallel)
        noted = await asyncio.to_thread(noted_parts, folder)
        failing: dict[ListScope, Failed] = {}
        # auto_decompress=False: what arrives is what is hashed and signed, and no bomb unpacks itself.
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limits.parallel, ssl=self._ssl),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.idle_s, sock_read=limits.idle_s),
            auto_decompress=False,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity", "User-Agent": "jpki-status"},
        ) as session:

            async def one(scope: ListScope) -> FetchResult:
                address = self._addresses[scope]
                server = _server(address)
                if server is None:
                    return Failed(failures.no_address())
                known = stored.get(str(scope))
                if known is not None and known.address != address:
                    known = None  # an entity tag means nothing at another address
                target = final_path(folder, scope)
                part = Part(target, noted=target.name in noted)
                download = Download(session, limits, address, target, part, known)

                def failed(error: OutsideFailed) -> None:
                    failing[scope] = Failed(error)

                return await _to_the_end(download, turns, server, limits, failed)

            return await fetch_all(wanted, one, limits, done, failing)


async def _to_the_end(
    download: Download,
    turns: Turns,
    server: str,
    limits: FetchLimits,
    failed: Callable[[OutsideFailed], None],
) -> FetchResult:
    """Try until there is a result; each try takes its turn anew, behind those who had none yet.

    ``failed`` hears of each try that another may follow: the deadline may come before that.
    """
    try:
        async for attempt in failures.tries(limits):
            with attempt:
                async with turns.turn(server):
                    try:
                        return await download.attempt()
                    except OutsideFailed as error:
                        failed(error)
                        if isinstance(error, failures.BadStatus) and error.status == 429:
                            turns.pause(server, min(error.retry_after_s or 0.0, limits.wait_max_s))
                        raise
    except (OutsideFailed, InputRefused) as error:
        return Failed(error)
    raise AssertionError("the tries end with a result or an error")


def _server(address: str) -> str | None:
    """Scheme, host and port of an address that we fetch from; none for any other."""
    try:
        found = urlsplit(address)
        usable = found.scheme in {"http", "https"} and bool(found.hostname)
        return f"{found.scheme}://{found.hostname}:{found.port}" if usable else None
    except ValueError:  # a port or an IPv6 address that is none
        return None
