"""Whether the splitter and aiohttp's parser agree about a message: head, body and the octet where it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from platform_api.ocsp import _split
from tests.features.aiohttp_parser import AiohttpReading, Message

if TYPE_CHECKING:
    from platform_api.ocsp._split import Head

ROOM = 16_384


def split(octets: bytes) -> tuple[Head, bytes, int] | None:
    """The first message by our splitter: head, body and the octet behind it; None where it is not ours."""
    verdict, found = _split.head(octets)
    if verdict != _split.WHOLE:
        return None
    assert found is not None
    rest = octets[found["head_end"] :]
    if found["chunked"]:
        verdict, body, used = _split.chunked(rest, ROOM)
        if verdict != _split.WHOLE:
            return None
        assert body is not None
        assert used is not None
        return found, body, found["head_end"] + used
    length = found["content_length"] or 0
    if length > len(rest):
        return None
    return found, rest[:length], found["head_end"] + length


def agree(found: Head, message: Message, body: bytes, end: int) -> None:
    assert (message.method, message.target.encode("latin-1")) == (found["method"], found["target"])
    assert message.minor_version == found["minor_version"]
    assert message.keep_alive == found["keep_alive"]
    assert message.chunked == found["chunked"]
    assert not message.upgrade
    length = message.headers.get("Content-Length")
    assert found["content_length"] == (None if length is None else int(length))
    for name in ("authorization", "if_none_match"):
        value = message.headers.get(name.replace("_", "-"))
        assert found[name] == (None if value is None else value.encode("latin-1"))  # type: ignore[literal-required]
    assert (message.headers.get("Expect") is not None) == found["expect_continue"]
    if found["content_encoding_identity"]:
        assert not message.compressed
        assert message.body == body
    assert (message.head_end, message.end) == (found["head_end"], end)


def differ_nowhere(octets: bytes, loop: asyncio.AbstractEventLoop) -> bool:
    """True where the first message is ours; aiohttp must then agree about all of it."""
    ours = split(octets)
    if ours is None:
        return False
    found, body, end = ours
    reading = AiohttpReading(loop)
    if not found["content_encoding_identity"]:
        # It would be unpacked, and is not ours to answer; the head is looked at nevertheless.
        reading.feed(octets[: found["head_end"]], one_by_one=True)
        assert [one.head_end for one in reading.messages] == [found["head_end"]]
        return False
    (message,) = reading.feed(octets[:end], one_by_one=True)
    agree(found, message, body, end)
    return True
