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
from xml.sax.saxutils import escape

from platform_api.certificates.four_items import ITEMS
from platform_api.consents.strict_xml import Form, written

ROOT: Final = "利用者同意申請情報"
VERSION: Final = "1.0"

#: The explanation a customer saw; a new text gets a new number, old ones stay readable.
TEXT_VERSION: Final = "2026-05"
TEXT_VERSIONS: Final = frozenset((TEXT_VERSION,))
#: A service's own text, by its number (``invitations/explanation.py``).
_OWN_TEXT: Final = re.compile(r"own-[1-9][0-9]{0,5}\Z", re.ASCII)

_FORM: Final = Form(
    ROOT,
    ("版", "機関コード", "サービスコード", "項目群", "文面版", "申請番号", "作成日時"),
    "CONSENT_APPLICATION_MALFORMED",
    "have the holder sign the application exactly as POST /v1/consent-applications gave it",
)


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
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<{ROOT}><版>{VERSION}</版>"
        f"<機関コード>{escape(application.institution_code)}</機関コード>"
        f"<サービスコード>{escape(application.service_code)}</サービスコード>"
        f"<項目群>{items}</項目群>"
        f"<文面版>{escape(application.text_version)}</文面版>"
        f"<申請番号>{application.application_number}</申請番号>"
        f"<作成日時>{written(application.created_at)}</作成日時></{ROOT}>"
    )
    return text.encode("utf-8")


def parse_application(octets: bytes) -> Application:
    """Read strictly; the refusal never echoes the document."""
    fields = _FORM.read(octets)
    fields.exactly("版", VERSION)
    text_version = fields.text("文面版")
    if text_version not in TEXT_VERSIONS and not _OWN_TEXT.match(text_version):
        raise _FORM.refused("a text version of ours", "another text version")
    items = fields.texts("項目群", "項目")
    if not items or len(set(items)) != len(items) or not set(items) <= set(ITEMS):
        raise _FORM.refused(f"one or more of {', '.join(ITEMS)}, each once", "other items")
    return Application(
        institution_code=fields.code("機関コード"),
        service_code=fields.code("サービスコード"),
        items=items,
        text_version=text_version,
        application_number=fields.number("申請番号"),
        created_at=fields.time("作成日時"),
    )
