"""The signed XML application that withdraws a consent: written by us, signed on the card, parsed strictly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from xml.sax.saxutils import escape

from platform_api.consents.strict_xml import Form, written

ROOT: Final = "利用者同意取消申請情報"
VERSION: Final = "1.0"

_FORM: Final = Form(
    ROOT,
    ("版", "機関コード", "サービスコード", "同意申請番号", "申請番号", "作成日時"),
    "WITHDRAWAL_APPLICATION_MALFORMED",
    "have the holder sign the application exactly as …/withdrawal-applications gave it",
)


@dataclass(frozen=True, slots=True)
class WithdrawalApplication:
    """Which consent the holder takes back: that of this application, of this service."""

    institution_code: str
    service_code: str
    consent_application_number: UUID
    application_number: UUID
    created_at: datetime


def write_withdrawal(application: WithdrawalApplication) -> bytes:
    """The octets that the card signs."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<{ROOT}><版>{VERSION}</版>"
        f"<機関コード>{escape(application.institution_code)}</機関コード>"
        f"<サービスコード>{escape(application.service_code)}</サービスコード>"
        f"<同意申請番号>{application.consent_application_number}</同意申請番号>"
        f"<申請番号>{application.application_number}</申請番号>"
        f"<作成日時>{written(application.created_at)}</作成日時></{ROOT}>"
    )
    return text.encode("utf-8")


def parse_withdrawal(octets: bytes) -> WithdrawalApplication:
    """Read strictly; the refusal never echoes the document."""
    fields = _FORM.read(octets)
    fields.exactly("版", VERSION)
    return WithdrawalApplication(
        institution_code=fields.code("機関コード"),
        service_code=fields.code("サービスコード"),
        consent_application_number=fields.number("同意申請番号"),
        application_number=fields.number("申請番号"),
        created_at=fields.time("作成日時"),
    )
