"""Institutions, services and API keys as data; denied by default."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID


class Scope(StrEnum):
    """What an API key may be used for."""

    STATUS_CHECK = "status:check"
    SIGNATURES_VERIFY = "signatures:verify"
    REGISTRATIONS_READ = "registrations:read"
    REGISTRATIONS_WRITE = "registrations:write"
    CONSENTS_READ = "consents:read"
    CONSENTS_WRITE = "consents:write"
    INVITATIONS_WRITE = "invitations:write"
    DELIVERIES_TAKE = "deliveries:take"
    SERVICES_WRITE = "services:write"
    EVENTS_READ = "events:read"
    FOUR_INFORMATION_FETCH = "four_information:fetch"
    #: The sandbox's fictional people; such routes exist on sandbox servers only.
    TEST_PEOPLE = "test:people"


class Purpose(StrEnum):
    """For what an institution may use revocation data and four items (design §4)."""

    CURRENT_STATUS_CHECK = "current_status_check"
    SIGNATURE_VERIFICATION = "signature_verification"
    FOUR_INFORMATION = "four_information"


class OcspPurpose(StrEnum):
    """The purposes that an OCSP question may have; its key has exactly one of them."""

    CURRENT_STATUS_CHECK = Purpose.CURRENT_STATUS_CHECK.value
    SIGNATURE_VERIFICATION = Purpose.SIGNATURE_VERIFICATION.value


class Entitlement(StrEnum):
    """For which certificates an OCSP or serial-only question may be asked (design §10)."""

    REGISTERED = "registered"
    PRESENTED = "presented"
    ANY = "any"


class Mode(StrEnum):
    """``test`` keys work on sandbox servers only, ``live`` keys on live servers only."""

    TEST = "test"
    LIVE = "live"


KINDS: Final = frozenset({"card-sign", "card-auth", "mobile-sign", "mobile-auth"})


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, proven by an API key, and what that key may do."""

    institution_id: UUID
    key_id: UUID
    scopes: frozenset[str]
    purposes: frozenset[str]
    kinds: frozenset[str]
    entitlement: str
    mode: str


@dataclass(frozen=True, slots=True)
class Institution:
    """A bank, a broker, a telco: the tenant."""

    institution_id: UUID
    name: str
    mode: Mode
    legal_basis: str
    purposes: frozenset[str]
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Service:
    """One service of an institution; registrations and consents belong to it and never cross it."""

    service_id: UUID
    institution_id: UUID
    service_code: str
    name: str
