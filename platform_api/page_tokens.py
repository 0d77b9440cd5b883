"""Pages of lists that are ordered by a time and an id, and the opaque tokens that lead to the next one."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeVar
from uuid import UUID

from pydantic import Field

from platform_api.problems import Problem

#: Where the last page ended; in a query.
PageToken = Annotated[str, Field(max_length=64)]

_Row = TypeVar("_Row")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def page_of(
    found: Sequence[_Row], size: int, place: Callable[[_Row], tuple[datetime, UUID]]
) -> tuple[Sequence[_Row], str | None]:
    """The rows to show of one more than ``size`` that was asked for, and the token of the next page.

    ``place``: a row's time and id, by which the list is ordered.
    """
    shown = found[:size]
    return shown, page_token(*place(shown[-1])) if len(found) > len(shown) else None


def page_token(at: datetime, last: UUID) -> str:
    return urlsafe_b64encode(((at - _EPOCH) // _MICROSECOND).to_bytes(8, "big") + last.bytes).decode()


def read_page_token(token: str | None) -> tuple[datetime, UUID] | None:
    """400 PAGE_TOKEN_REFUSED for what is none of ours; none where none is given."""
    if token is None:
        return None
    try:
        octets = urlsafe_b64decode(token.encode("ascii"))
        if len(octets) != 24:
            raise ValueError("expected 24 octets")
        return _EPOCH + int.from_bytes(octets[:8], "big") * _MICROSECOND, UUID(bytes=octets[8:])
    except (ValueError, OverflowError, binascii.Error):
        raise Problem(
            400,
            "PAGE_TOKEN_REFUSED",
            en="page_token is not one that this operation gave; begin again without it.",
            ja="page_tokenが正しくありません。指定せずに最初から取得してください。",
        ) from None
