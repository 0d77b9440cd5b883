"""What a holder signs for the four-information service: the application of a consent, and of its withdrawal.

Both are XML (利用者同意申請情報, 利用者同意取消申請情報); they are read strictly, and what is refused is said
without a word of what was sent (jpki.md section 4.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from platform_api.sandbox.dates import parse_instant
from platform_api.sandbox.refusals import RequestRefused

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ITEMS: Final = ("name", "address", "date_of_birth", "gender")
CONSENT_ROOT: Final = "利用者同意申請情報"
WITHDRAWAL_ROOT: Final = "利用者同意取消申請情報"
VERSION: Final = "1.0"
_OF_CONSENT: Final = ("版", "機関コード", "サービスコード", "文面版", "申請番号", "作成日時")
#: A withdrawal has these children in this order.
_OF_WITHDRAWAL: Final = ("版", "機関コード", "サービスコード", "同意申請番号", "申請番号", "作成日時")
_LONGEST_TEXT: Final = 128
_LONGEST_APPLICATION: Final = 64 * 1024
_CLOCK_TOLERANCE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Application:
    """A consent as the holder signed it."""

    institution_code: str
    service_code: str
    items: tuple[str, ...]
    text_version: str
    application_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WithdrawalApplication:
    """A withdrawal as the holder signed it; ``consent_application_id`` names what it withdraws."""

    institution_code: str
    service_code: str
    consent_application_id: str
    application_id: str
    created_at: datetime


def parse_application(octets: bytes) -> Application:
    """The application of a consent: each element once, nothing else, no DTD, no entities."""
    root = _root(octets, CONSENT_ROOT)
    items: list[str] | None = None
    others: list[Element] = []
    for child in root:
        if child.tag == "項目群" and items is None:
            items = [(item.text or "") if item.tag == "項目" and not len(item) else "" for item in child]
        else:
            others.append(child)
    texts = _texts(others, _OF_CONSENT)
    if not items or len(set(items)) != len(items) or not set(items) <= set(ITEMS):
        raise RequestRefused(
            422, "ITEMS_INVALID", f"expected one or more of {', '.join(ITEMS)}, each once, in <項目群>"
        )
    return Application(
        institution_code=texts["機関コード"],
        service_code=texts["サービスコード"],
        items=tuple(item for item in ITEMS if item in items),
        text_version=texts["文面版"],
        application_id=texts["申請番号"],
        created_at=_created_at(texts),
    )


def parse_withdrawal(octets: bytes) -> WithdrawalApplication:
    """The application of a withdrawal: as strict, and its elements in their order."""
    root = _root(octets, WITHDRAWAL_ROOT)
    texts = _texts(root, _OF_WITHDRAWAL)
    if tuple(child.tag for child in root) != _OF_WITHDRAWAL:
        raise _malformed("the elements in their order", "another order")
    return WithdrawalApplication(
        institution_code=texts["機関コード"],
        service_code=texts["サービスコード"],
        consent_application_id=texts["同意申請番号"],
        application_id=texts["申請番号"],
        created_at=_created_at(texts),
    )


def check_time(created_at: datetime, now: datetime) -> None:
    """An application that is made tomorrow was not made by an honest clock."""
    if created_at > now + _CLOCK_TOLERANCE:
        raise RequestRefused(
            422, "CREATED_AT_IN_FUTURE", "expected <作成日時> not after now; correct the sender's clock"
        )


def _root(octets: bytes, expected: str) -> Element:
    if len(octets) > _LONGEST_APPLICATION:
        raise _malformed(f"at most {_LONGEST_APPLICATION} octets", f"{len(octets)}")
    try:
        root: Element = fromstring(octets, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise _malformed("well-formed XML in UTF-8 without a DTD", type(error).__name__) from None
    if root.tag != expected:
        raise _malformed(f"the root <{expected}>", "another root")
    return root


def _texts(children: Iterable[Element], tags: tuple[str, ...]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for child in children:
        if child.tag not in tags or child.tag in texts or len(child):
            raise _malformed("each known element once", "an element twice or an unknown one")
        texts[child.tag] = (child.text or "").strip()
    for tag in tags:
        if not 1 <= len(texts.get(tag, "")) <= _LONGEST_TEXT:
            raise _malformed(f"<{tag}> with 1 to {_LONGEST_TEXT} characters", "none, or too long a text")
    if texts["版"] != VERSION:
        raise _malformed(f"<版> {VERSION}", "another version")
    return texts


def _created_at(texts: dict[str, str]) -> datetime:
    try:
        return parse_instant(texts["作成日時"])
    except ValueError:
        raise _malformed("an RFC 3339 time in <作成日時>", "another text") from None


def _malformed(expected: str, got: str) -> RequestRefused:
    return RequestRefused(
        422, "APPLICATION_MALFORMED", f"expected {expected}, got {got}; correct the application"
    )
