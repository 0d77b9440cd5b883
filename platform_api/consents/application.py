"""The signed XML application of a consent: written by us, signed on the card, parsed strictly.

Root ``<利用者同意申請情報>``, UTF-8, children in one fixed order, no attributes, no other element, no DTD.
What the holder signed is what we parse: the very octets, never a re-serialisation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from xml.etree.ElementTree import Element, ParseError  # types only; parsing is defusedxml's
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from platform_api.certificates.four_items import ITEMS
from revocation.errors import InputRefused

ROOT: Final = "利用者同意申請情報"
VERSION: Final = "1.0"

#: The explanation a customer saw; a new text gets a new number, old ones stay readable.
TEXT_VERSION: Final = "2026-05"
TEXT_VERSIONS: Final = frozenset((TEXT_VERSION,))
#: A service's own text, by its number (``invitations/explanation.py``).
_OWN_TEXT: Final = re.compile(r"own-[1-9][0-9]{0,5}\Z", re.ASCII)

MAX_OCTETS: Final = 8_192

_CHILDREN: Final = (
    "版",
    "機関コード",
    "サービスコード",
    "項目群",
    "文面版",
    "申請番号",
    "作成日時",
)
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Application:
    """What the holder agrees to: who may fetch which items for which service."""

    institution_code: str
    service_code: str
    items: tuple[str, ...]
    text_version: str
    application_number: UUID
    created_at: datetime


def write_application(application: Application) -> bytes:
    """The octets that the card signs."""
    items = "".join(f"<項目>{escape(item)}</項目>" for item in application.items)
    created = application.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<{ROOT}><版>{VERSION}</版>"
        f"<機関コード>{escape(application.institution_code)}</機関コード>"
        f"<サービスコード>{escape(application.service_code)}</サービスコード>"
        f"<項目群>{items}</項目群>"
        f"<文面版>{escape(application.text_version)}</文面版>"
        f"<申請番号>{application.application_number}</申請番号>"
        f"<作成日時>{created}</作成日時></{ROOT}>"
    )
    return text.encode("utf-8")


def parse_application(octets: bytes) -> Application:
    """Read strictly; the refusal never echoes the document."""
    if not 1 <= len(octets) <= MAX_OCTETS:
        raise _refused(f"1 to {MAX_OCTETS} octets", f"{len(octets)} octets")
    try:
        octets.decode("utf-8")
        root = fromstring(octets, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except UnicodeDecodeError:
        raise _refused("UTF-8", "octets that are not UTF-8") from None
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise _refused("well-formed XML without DTD and entities", "something else") from None
    return _application(root)


def _application(root: Element) -> Application:
    if root.tag != ROOT:
        raise _refused(f"the root element {ROOT}", "another root element")
    _bare(root)
    if tuple(child.tag for child in root) != _CHILDREN:
        raise _refused(f"the children {', '.join(_CHILDREN)}, once each, in this order", "others")
    fields = {child.tag: child for child in root}
    if _text(fields["版"]) != VERSION:
        raise _refused(f"版 {VERSION}", "another version")
    text_version = _text(fields["文面版"])
    if text_version not in TEXT_VERSIONS and not _OWN_TEXT.match(text_version):
        raise _refused("a text version of ours", "another text version")
    return Application(
        institution_code=_code(fields["機関コード"]),
        service_code=_code(fields["サービスコード"]),
        items=_items(fields["項目群"]),
        text_version=text_version,
        application_number=_number(fields["申請番号"]),
        created_at=_time(fields["作成日時"]),
    )


def _items(group: Element) -> tuple[str, ...]:
    _bare(group)
    if any(child.tag != "項目" for child in group):
        raise _refused("only 項目 inside 項目群", "another element")
    items = tuple(_text(child) for child in group)
    if not items or len(set(items)) != len(items) or not set(items) <= set(ITEMS):
        raise _refused(f"one or more of {', '.join(ITEMS)}, each once", "other items")
    return items


def _bare(element: Element) -> None:
    """Neither attributes nor text of its own, also none after its children: nothing can hide there."""
    stray = [element.text, *(child.tail for child in element)]
    if element.attrib or any(text and text.strip() for text in stray):
        raise _refused("elements without attributes and stray text", "some")


def _text(element: Element) -> str:
    if element.attrib or len(element):
        raise _refused("a plain text in each field", "attributes or child elements")
    return element.text or ""


def _code(element: Element) -> str:
    text = _text(element)
    if not _CODE.match(text):
        raise _refused("codes of 1 to 64 letters, digits, hyphens and underscores", "another text")
    return text


def _number(element: Element) -> UUID:
    text = _text(element)
    try:
        number = UUID(text)
    except ValueError:
        raise _refused("an 申請番号 of ours", "another text") from None
    if str(number) != text:
        raise _refused("an 申請番号 exactly as we wrote it", "another spelling")
    return number


def _time(element: Element) -> datetime:
    text = _text(element)
    try:
        if not _TIME.match(text):
            raise ValueError("not the one form we write")
        return datetime.fromisoformat(text)
    except ValueError:
        raise _refused("a 作成日時 in UTC as we write it", "another text") from None


def _refused(expected: str, got: str) -> InputRefused:
    return InputRefused(
        "CONSENT_APPLICATION_MALFORMED",
        expected=expected,
        got=got,
        remedy="have the holder sign the application exactly as POST /v1/consent-applications gave it",
    )
