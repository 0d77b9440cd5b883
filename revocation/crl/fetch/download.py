"""One list from one address: ask, check the answer, receive; go on with a part where that is safe.

A list is whole when the server ended the message as HTTP demands and every announced octet is there.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import aiohttp

from revocation.crl.archive import StoredList
from revocation.crl.fetch import failures
from revocation.crl.fetch.results import Fetched, FetchLimits, NotModified
from revocation.crl.fetch.room import check_room
from revocation.crl.http_fields import entity_tag, goes_on, is_tag, retry_after_s, strong_validator
from revocation.crl.parts import Note, Part, Unfinished
from revocation.errors import InputRefused, OutsideFailed


class _FromTheStartError(Exception):
    """The part fits nothing that the server has now."""


class Download:
    """The tries of one list; what one leaves unfinished the next one goes on with."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        limits: FetchLimits,
        address: str,
        target: Path,
        part: Part,
        known: StoredList | None,
    ) -> None:
        self._session: Final = session
        self._limits: Final = limits
        self._address: Final = address
        self._target: Final = target
        self._part = part
        self._known: Final = known

    async def attempt(self) -> Fetched | NotModified:
        """One try, within its own deadline."""
        limit = self._limits.list_s
        self._part = self._part.anew()
        try:
            async with asyncio.timeout(limit):
                unfinished = None
                if self._part.noted:
                    unfinished = await asyncio.to_thread(self._part.unfinished, self._address)
                try:
                    return await self._ask(unfinished)
                except _FromTheStartError:
                    await asyncio.to_thread(self._part.drop)
                    self._part = self._part.anew()
                    return await self._ask(None)
        except TimeoutError as error:
            raise failures.failed("FETCH_TIMEOUT", f"the whole list within {limit:g} s", "less") from error

    async def _ask(self, unfinished: Unfinished | None) -> Fetched | NotModified:
        headers: dict[str, str] = {}
        if self._known is not None and self._known.etag is not None and is_tag(self._known.etag):
            # Precedence is RFC 9110 section 13.2.2's: the stored list is still the one, or else the range.
            headers["If-None-Match"] = self._known.etag
        if unfinished is not None:
            headers["Range"] = f"bytes={unfinished.octets}-"
            headers["If-Range"] = unfinished.note.validator
        try:
            async with self._session.get(self._address, headers=headers, allow_redirects=False) as response:
                return await self._answer(response, unfinished, conditional="If-None-Match" in headers)
        except TimeoutError as error:
            idle = f"an octet every {self._limits.idle_s:g} s"
            raise failures.failed("FETCH_TIMEOUT", idle, "silence") from error
        except aiohttp.ClientPayloadError as error:
            raise failures.failed(
                "FETCH_TRUNCATED", "the whole list", "a connection that ended before"
            ) from error
        except (aiohttp.InvalidURL, UnicodeError) as error:  # the second: a host name that is none
            raise failures.no_address() from error
        except aiohttp.ClientSSLError as error:
            raise failures.no_tls(error) from error
        except (aiohttp.ClientError, OSError) as error:
            raise failures.failed(
                "FETCH_UNREACHABLE", "a server that answers", type(error).__name__
            ) from error

    async def _answer(
        self, response: aiohttp.ClientResponse, unfinished: Unfinished | None, *, conditional: bool
    ) -> Fetched | NotModified:
        status = response.status
        if status == 304 and conditional and self._known is not None:
            if self._part.noted:
                await asyncio.to_thread(self._part.drop)  # of a list that the server took back
            return NotModified(self._known)
        if unfinished is not None and status in {206, 416}:
            return await self._rest(response, unfinished)
        if status != 200:
            raise failures.BadStatus(status, retry_after_s(response.headers))
        total = response.content_length
        validator = strong_validator(response.headers)
        note = None if validator is None else Note(self._address, validator, total)
        await self._receive(response, 0, total, note)
        return Fetched(self._target, self._address, entity_tag(response.headers))

    async def _rest(self, response: aiohttp.ClientResponse, unfinished: Unfinished) -> Fetched:
        """A 206 that is the very rest of the very list; anything else begins anew (section 15.3.7.2)."""
        at, note = unfinished.octets, unfinished.note
        rest = goes_on(response.headers, note.validator, at, note.total) if response.status == 206 else None
        if rest is None or response.content_length not in {None, rest.total - at}:
            raise _FromTheStartError
        await self._receive(response, at, rest.total, note)
        return Fetched(self._target, self._address, entity_tag(response.headers))

    async def _receive(
        self, response: aiohttp.ClientResponse, at: int, total: int | None, note: Note | None
    ) -> None:
        """The body, behind the ``at`` octets that are there, into the part; whole, it gets its name."""
        limits, part = self._limits, self._part
        piece = bytearray()

        def write(octets: bytearray) -> None:
            """In a thread. Room for all that is still to come, where that was announced; else for this."""
            check_room(self._target.parent, len(octets) if total is None else len(octets) + total - at)
            part.write(octets, note)

        def finish(octets: bytearray) -> None:
            if octets:
                check_room(self._target.parent, len(octets))
            part.finish(octets)

        try:
            if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
                raise failures.encoded()
            if total is not None and total > limits.max_octets:
                raise failures.too_large(limits.max_octets)
            if at:
                await asyncio.to_thread(part.go_on)
            async for chunk in response.content.iter_any():
                at += len(chunk)
                if at > limits.max_octets:
                    raise failures.too_large(limits.max_octets)
                piece += chunk
                if len(piece) >= limits.piece_octets:
                    # Taken out before the write: cancelled in it, nothing may be written twice.
                    ready, piece = piece, bytearray()
                    await asyncio.to_thread(write, ready)
            if total is not None and at != total:
                raise failures.failed("FETCH_TRUNCATED", f"{total} octets as announced", str(at))
            ready, piece = piece, bytearray()
            await asyncio.to_thread(finish, ready)
        except (OutsideFailed, InputRefused):
            # Our own verdict: the disk is full, or this body is none to go on with.
            await asyncio.to_thread(part.drop)
            raise
        except BaseException:
            # Cut off, silent, late, or Ctrl-C: what came may be gone on with.
            await asyncio.to_thread(part.keep, piece)
            raise
