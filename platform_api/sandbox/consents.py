"""Consents to the four-information service: who agreed, for which service, to which items, from when to when.

The application is XML (利用者同意申請情報) signed with the holder's signing certificate; everything in it is
checked here, and what J-LIS refuses is refused (jpki.md section 4.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from platform_api.sandbox.dates import consent_period, parse_instant, wire
from platform_api.sandbox.refusals import RequestRefused

ITEMS: Final = ("name", "address", "date_of_birth", "gender")
ROOT: Final = "利用者同意申請情報"
VERSION: Final = "1.0"
_TEXTS: Final = ("版", "機関コード", "サービスコード", "文面版", "申請番号", "作成日時")
_LONGEST_TEXT: Final = 128
_LONGEST_APPLICATION: Final = 64 * 1024
_CLOCK_TOLERANCE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Application:
    """What the holder signed."""

    institution_code: str
    service_code: str
    items: tuple[str, ...]
    text_version: str
    application_id: str
    created_at: datetime


def parse_application(octets: bytes) -> Application:
    """Reads the application strictly: each element once, nothing else, no DTD, no entities."""
    if len(octets) > _LONGEST_APPLICATION:
        raise _malformed(f"at most {_LONGEST_APPLICATION} octets", f"{len(octets)}")
    try:
        root = fromstring(octets, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise _malformed("well-formed XML in UTF-8 without a DTD", type(error).__name__) from None
    if root.tag != ROOT:
        raise _malformed(f"the root <{ROOT}>", "another root")
    texts: dict[str, str] = {}
    items: list[str] | None = None
    for child in root:
        if child.tag == "項目群" and items is None:
            items = [(item.text or "") if item.tag == "項目" and not len(item) else "" for item in child]
        elif child.tag in _TEXTS and child.tag not in texts and not len(child):
            texts[child.tag] = (child.text or "").strip()
        else:
            raise _malformed("each known element once", "an element twice or an unknown one")
    for tag in _TEXTS:
        if not 1 <= len(texts.get(tag, "")) <= _LONGEST_TEXT:
            raise _malformed(f"<{tag}> with 1 to {_LONGEST_TEXT} characters", "none, or too long a text")
    if texts["版"] != VERSION:
        raise _malformed(f"<版> {VERSION}", "another version")
    if not items or len(set(items)) != len(items) or not set(items) <= set(ITEMS):
        raise RequestRefused(
            422, "ITEMS_INVALID", f"expected one or more of {', '.join(ITEMS)}, each once, in <項目群>"
        )
    try:
        created_at = parse_instant(texts["作成日時"])
    except ValueError:
        raise _malformed("an RFC 3339 time in <作成日時>", "another text") from None
    return Application(
        institution_code=texts["機関コード"],
        service_code=texts["サービスコード"],
        items=tuple(item for item in ITEMS if item in items),
        text_version=texts["文面版"],
        application_id=texts["申請番号"],
        created_at=created_at,
    )


def _malformed(expected: str, got: str) -> RequestRefused:
    return RequestRefused(
        422, "APPLICATION_MALFORMED", f"expected {expected}, got {got}; correct the application"
    )


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent of one resident for one service."""

    consent_ref: str
    resident: int
    service_code: str
    items: tuple[str, ...]
    application_id: str
    application_sha256: str
    received_at: datetime
    reflected_at: datetime
    valid_from: datetime
    valid_until: datetime

    def covers(self, now: datetime) -> bool:
        return self.valid_from <= now <= self.valid_until

    def answer(self) -> dict[str, Any]:
        return {
            "consent_ref": self.consent_ref,
            "received_at": wire(self.received_at),
            "reflected_at": wire(self.reflected_at),
            "valid_from": wire(self.valid_from),
            "valid_until": wire(self.valid_until),
            "items": list(self.items),
        }


class Consents:
    """All consents, by person and service; a consent survives any number of certificates."""

    def __init__(self) -> None:
        self._by_person: dict[tuple[int, str], list[Consent]] = {}
        self._by_application: dict[tuple[int, str, str], Consent] = {}
        self._count = 0

    def already(self, resident: int, application: Application, octets: bytes) -> Consent | None:
        """The consent of this very application, if it came before; its id with other octets is refused."""
        found = self._by_application.get((resident, application.service_code, application.application_id))
        if found is not None and found.application_sha256 != hashlib.sha256(octets).hexdigest():
            raise RequestRefused(
                409,
                "APPLICATION_ID_REUSED",
                "expected a new <申請番号> for a new application; make a new one",
            )
        return found

    def check_time(self, application: Application, now: datetime) -> None:
        if application.created_at > now + _CLOCK_TOLERANCE:
            raise RequestRefused(
                422, "CREATED_AT_IN_FUTURE", "expected <作成日時> not after now; correct the sender's clock"
            )

    def record_of(
        self, resident: int, application: Application, octets: bytes, received_at: datetime
    ) -> dict[str, Any]:
        """What the journal keeps of a consent received now. It is reflected in the system at once."""
        return {
            "kind": "consent",
            "consent_ref": f"c-{self._count + 1:08d}",
            "resident": resident,
            "service_code": application.service_code,
            "items": list(application.items),
            "application_id": application.application_id,
            "application_sha256": hashlib.sha256(octets).hexdigest(),
            "received_at": wire(received_at),
        }

    def enter(self, record: Mapping[str, Any]) -> Consent:
        """Enters a journalled consent."""
        received_at = parse_instant(record["received_at"])
        valid_from, valid_until = consent_period(received_at)
        consent = Consent(
            consent_ref=record["consent_ref"],
            resident=record["resident"],
            service_code=record["service_code"],
            items=tuple(record["items"]),
            application_id=record["application_id"],
            application_sha256=record["application_sha256"],
            received_at=received_at,
            reflected_at=received_at,
            valid_from=valid_from,
            valid_until=valid_until,
        )
        self._count += 1
        self._by_person.setdefault((consent.resident, consent.service_code), []).append(consent)
        self._by_application[consent.resident, consent.service_code, consent.application_id] = consent
        return consent

    def covering(self, resident: int, service_code: str, now: datetime) -> Consent | None:
        """The newest consent of this person to this service that counts now."""
        given = self._by_person.get((resident, service_code), [])
        return next((consent for consent in reversed(given) if consent.covers(now)), None)
