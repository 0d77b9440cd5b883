"""The sandbox's life log, read as the truth: what every certificate's state was at each published list.

Source: ``GET /sandbox/v1/life-log`` (the only way to read it; reports and tests use it, the service never).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

GOOD: Final = "GOOD"
REVOKED: Final = "REVOKED"
ON_HOLD: Final = "ON_HOLD"

#: RFC 5280 section 5.3.1: certificateHold
CERTIFICATE_HOLD: Final = 6


@dataclass(frozen=True, slots=True, order=True)
class CertificateKey:
    """What names one certificate in the log: issuer key (hex) and serial number (hex of its value)."""

    issuer_key: str
    serial_number: str

    def __repr__(self) -> str:
        return "CertificateKey(…)"


@dataclass(frozen=True, slots=True)
class Revocation:
    """One line of a certificate's fate."""

    at: datetime
    reason_code: int


@dataclass(frozen=True, slots=True)
class Issue:
    """A certificate handed to a person."""

    at: datetime
    key: CertificateKey
    not_after: datetime


def moment(text: str) -> datetime:
    """RFC 3339 with Z, as every interface of ours writes it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


class LifeLog:
    """All entries of the log, indexed by certificate and by person."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self.entries = entries
        self._revocations: dict[CertificateKey, list[Revocation]] = {}
        self._issues: dict[str, list[Issue]] = {}
        self._items: dict[str, list[tuple[datetime, dict[str, Any]]]] = {}
        self._holder: dict[CertificateKey, str] = {}
        self._releases: dict[CertificateKey, list[datetime]] = {}
        self._partitions: dict[CertificateKey, int] = {}
        self._lives: dict[str, list[dict[str, Any]]] = {}
        self._successors: dict[CertificateKey, CertificateKey] = {}
        for entry in entries:
            self._read(entry)

    def _read(self, entry: dict[str, Any]) -> None:
        at, resident = moment(entry["at"]), str(entry["resident_id"])
        self._lives.setdefault(resident, []).append(entry)
        for revoked in entry["revoked"]:
            key = CertificateKey(revoked["issuer_key"], revoked["serial_number"])
            self._holder.setdefault(key, resident)
            self._revocations.setdefault(key, []).append(
                Revocation(moment(revoked["revoked_at"]), int(revoked["reason_code"]))
            )
            self._partitions[key] = int(revoked["partition"])
            if (issued := entry["issued"]) is not None:
                self._successors[key] = CertificateKey(issued["issuer_key"], issued["serial_number"])
        for released in entry.get("released", ()):
            key = CertificateKey(released["issuer_key"], released["serial_number"])
            self._releases.setdefault(key, []).append(at)
        if (issued := entry["issued"]) is not None:
            key = CertificateKey(issued["issuer_key"], issued["serial_number"])
            self._holder[key] = resident
            self._issues.setdefault(resident, []).append(Issue(at, key, moment(issued["not_after"])))
        if entry["items"] is not None and entry["issued"] is not None:
            # What J-LIS hands out is what the newest certificate says: a corrected address or a reading
            # told later comes with the next one only.
            self._items.setdefault(resident, []).append((at, entry["items"]))

    def state(self, key: CertificateKey, at: datetime) -> str:
        """What a complete list with this thisUpdate has to say of the certificate."""
        past = [r for r in self._revocations.get(key, ()) if r.at <= at]
        if not past:
            return GOOD
        last = _latest(past, lambda r: r.at)
        if last.reason_code != CERTIFICATE_HOLD:
            return REVOKED
        lifted = any(last.at <= released <= at for released in self._releases.get(key, ()))
        return GOOD if lifted else ON_HOLD

    def reason(self, key: CertificateKey, at: datetime) -> int | None:
        past = [r for r in self._revocations.get(key, ()) if r.at <= at]
        return _latest(past, lambda r: r.at).reason_code if past else None

    def newest_certificate(self, resident: str, at: datetime) -> CertificateKey | None:
        """The person's last certificate issued by then, if it is neither revoked nor over; else None."""
        issued = [i for i in self._issues.get(resident, ()) if i.at <= at]
        if not issued:
            return None
        last = _latest(issued, lambda i: i.at)
        if last.not_after < at or self.state(last.key, at) != GOOD:
            return None
        return last.key

    def items(self, resident: str, at: datetime) -> dict[str, Any] | None:
        """The four items as the person's newest certificate of that moment says them."""
        known = [(when, items) for when, items in self._items.get(resident, ()) if when <= at]
        return _latest(known, lambda pair: pair[0])[1] if known else None

    def revoked_certificates(self, at: datetime) -> dict[CertificateKey, int]:
        """Every certificate listed by then, with its last reason."""
        found: dict[CertificateKey, int] = {}
        for key in self._revocations:
            reason = self.reason(key, at)
            if reason is not None:
                found[key] = reason
        return found

    def entries_of(self, resident: str, after: datetime, until: datetime) -> list[dict[str, Any]]:
        """What befell a person in that time."""
        return [e for e in self._lives.get(resident, ()) if after < moment(e["at"]) <= until]

    def partition(self, key: CertificateKey) -> int | None:
        """Which list speaks of it; known of what was ever listed."""
        return self._partitions.get(key)

    def successor(self, key: CertificateKey) -> CertificateKey | None:
        """The certificate issued in the very act that ended this one."""
        return self._successors.get(key)

    def holder(self, key: CertificateKey) -> str | None:
        return self._holder.get(key)


Entry = TypeVar("Entry")


def _latest(entries: list[Entry], when: Callable[[Entry], datetime]) -> Entry:
    """Of two in the same second the one that stands later in the log: a person may move twice in it."""
    return max(reversed(entries), key=when)
