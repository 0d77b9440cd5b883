"""What the HTTP fields that fetching rests on say, read strictly: what is doubtful counts as not said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

#: RFC 9110 section 8.8.3; obs-text is left out, since it does not survive every proxy.
_STRONG_TAG: Final = re.compile(r'"[\x21\x23-\x7e]{1,256}"\Z')
_TAG: Final = re.compile(r'(W/)?"[\x21\x23-\x7e]{0,256}"\Z')
#: RFC 9110 section 14.4; an unknown complete length ("*") is none that a part could be checked by.
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})\Z", re.IGNORECASE)
_IMF_DATE: Final = re.compile(
    r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT\Z"
)

#: Seconds between Last-Modified and Date that make a date a strong validator. RFC 9110 section 8.8.2.2 asks
#: for one, and enough more that the two clocks do not matter; RFC 7232 said 60.
_SETTLED_S: Final = 60


class Fields(Protocol):
    """The header of an answer."""

    def getall(self, key: str, default: Sequence[str], /) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class ContentRange:
    """Which octets of the whole a 206 carries."""

    first: int
    last: int
    total: int


def single(fields: Fields, name: str) -> str | None:
    """The field's value; none where it came twice, since nobody knows which one holds."""
    values = fields.getall(name, ())
    return values[0].strip() if len(values) == 1 else None


def entity_tag(fields: Fields) -> str | None:
    """The ETag, weak or strong, as If-None-Match takes it."""
    value = single(fields, "ETag")
    return value if value is not None and is_tag(value) else None


def is_tag(value: str) -> bool:
    """Is it an entity tag, weak or strong, that may go back into a request?"""
    return bool(_TAG.match(value))


def is_strong(validator: str) -> bool:
    """Does it have the form of what If-Range takes: a strong entity tag, or a date (section 13.1.5)?"""
    return bool(_STRONG_TAG.match(validator) or _IMF_DATE.match(validator))


def strong_validator(fields: Fields) -> str | None:
    """What If-Range may carry for this answer, or nothing (RFC 9110 section 13.1.5).

    A weak entity tag never; a date only where there is no entity tag at all, and only a settled one.
    """
    if single(fields, "Accept-Ranges") == "none":
        return None
    if fields.getall("ETag", ()):
        tag = entity_tag(fields)
        return tag if tag is not None and is_strong(tag) else None
    modified = single(fields, "Last-Modified")
    if modified is None or not is_strong(modified):
        return None
    changed, said = _date(modified), _date(single(fields, "Date"))
    if changed is None or said is None or (said - changed).total_seconds() < _SETTLED_S:
        return None
    return modified


def content_range(fields: Fields) -> ContentRange | None:
    """The one range of a 206, with the whole's length."""
    found = _CONTENT_RANGE.match(single(fields, "Content-Range") or "")
    return ContentRange(*(int(number) for number in found.groups())) if found else None


def goes_on(fields: Fields, validator: str, at: int, total: int | None) -> ContentRange | None:
    """The range, if this 206 is the rest, all of it, of the very list of which we have ``at`` octets.

    Section 15.3.7: a 206 repeats the ETag that a 200 would have; Last-Modified it may leave out.
    """
    found = content_range(fields)
    if found is None or found.first != at or found.last != found.total - 1 or found.last < at:
        return None
    if total is not None and found.total != total:
        return None
    if validator.startswith('"'):
        same = fields.getall("ETag", ()) == [validator]
    else:
        same = not fields.getall("ETag", ()) and single(fields, "Last-Modified") in {None, validator}
    return found if same else None


def retry_after_s(fields: Fields) -> float | None:
    """Seconds that the server asks us to wait (section 10.2.3); a date counts from the answer's own Date."""
    value = single(fields, "Retry-After")
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    then, said = _date(value), _date(single(fields, "Date"))
    return None if then is None or said is None else max(0.0, (then - said).total_seconds())


def _date(value: str | None) -> datetime | None:
    if value is None or not _IMF_DATE.match(value):
        return None
    try:
        return parsedate_to_datetime(value)
    except ValueError:
        return None
