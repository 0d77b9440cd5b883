"""What is unknown about the real J-LIS, as settings with defaults, a part of ``config.Settings``.

``open_questions`` names the question behind each; ``jpki jlis settings`` shows both.
"""

from __future__ import annotations

import re
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, model_validator

from platform_api.jlis.calls import Kind
from platform_api.jlis.error_codes import MEANINGS
from platform_api.jlis.service_hours import DailyClosure, Maintenance
from platform_api.setting_types import HttpUrl

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FULL_DAY_SPLIT: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d", re.ASCII)


def _daily(text: str) -> str:
    if _FULL_DAY_SPLIT.fullmatch(text) is None:
        raise ValueError("written like 23:00-06:00")
    DailyClosure.of(text)
    return text


def _maintenance(text: str) -> str:
    Maintenance.of(text)
    return text


def _known_code(code: str) -> str:
    if code not in MEANINGS:
        raise ValueError("a code of ours, from platform_api/jlis/error_codes.py")
    return code


TheirCode = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
ProviderCode = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
#: Seconds of one call. Whoever asks holds a lease meanwhile (``idempotency``, ``refresh.model``): after it
#: the same is asked a second time, and paid for.
LONGEST_CALL_S: Final = 60
Seconds = Annotated[float, Field(gt=0, le=LONGEST_CALL_S)]


class JlisFields(BaseModel):
    """Names as they stand in the environment, behind ``JPKI_``."""

    jlis_url: HttpUrl | None = Field(
        default=None, description="Base address of J-LIS (sandbox: of the sandbox), without a path."
    )
    jlis_ca: Path | None = Field(
        default=None,
        description="PEM file of the only CAs that may vouch for J-LIS's server, also for its lists; unset: "
        "those of the system.",
    )
    jlis_client_certificate: Path | None = Field(
        default=None, description="PEM file: the certificate that we show on this line, then those above it."
    )
    jlis_client_key: Path | None = Field(
        default=None, description="PEM file of its private key, mode 0600; goes with the certificate."
    )
    jlis_attempt_timeout_s: Seconds = Field(
        default=5.0, description="Seconds for one attempt, connection included."
    )
    jlis_call_timeout_s: Seconds = Field(
        default=15.0,
        description="Seconds for all attempts of one call, the waiting for a line included; 60 at most.",
    )
    jlis_attempts: int = Field(default=3, ge=1, le=10, description="Most attempts of one call.")
    jlis_resubmit: bool = Field(
        default=True,
        description="A signed application whose answer was lost may be sent again: J-LIS knows its number.",
    )
    jlis_concurrency: int = Field(
        default=16, ge=2, le=256, description="Most calls at the same time, in each process."
    )
    jlis_batch_concurrency: int = Field(
        default=8, ge=1, le=255, description="How many of them batches may have; the others are for callers."
    )
    jlis_failures: int = Field(
        default=5, ge=1, le=1000, description="Failures in a row after which a kind of calls is paused."
    )
    jlis_pause_s: float = Field(
        default=30.0, gt=0, le=3600, description="Seconds of the pause before one call tries it."
    )
    jlis_max_answer_octets: int = Field(
        default=65_536, ge=1024, le=16_777_216, description="Longest answer about one person."
    )
    jlis_max_list_octets: int = Field(
        default=8_388_608,
        ge=1024,
        le=1_073_741_824,
        description="Longest list of CAs, partitions, withdrawals.",
    )
    jlis_poll_page: int = Field(default=1000, ge=1, le=10_000, description="Withdrawals asked for at once.")
    jlis_daily_closure: Annotated[str, AfterValidator(_daily)] | None = Field(
        default=None, description="When J-LIS takes no calls, each day, JST: 23:00-06:00. Unset: always open."
    )
    jlis_closed_weekdays: frozenset[Weekday] = Field(
        default=frozenset(), description='Weekdays on which it takes none, as JSON: ["sun"].'
    )
    jlis_closed_days: frozenset[date] = Field(
        default=frozenset(),
        max_length=400,
        description='JST days on which it takes none, as JSON: ["2027-01-01"].',
    )
    jlis_maintenance: tuple[Annotated[str, AfterValidator(_maintenance)], ...] = Field(
        default=(),
        max_length=100,
        description='Announced stretches, as JSON: ["2026-12-05T22:00+09:00/2026-12-06T06:00+09:00"].',
    )
    jlis_open_always: frozenset[Kind] = Field(
        default=frozenset({Kind.LISTS}),
        description='Kinds of calls that these hours do not hold for, as JSON: ["lists", "ocsp"].',
    )
    jlis_provider_codes: dict[UUID, ProviderCode] = Field(
        default={},
        max_length=200,
        description="The code by which J-LIS is asked for an institution's withdrawals, by institution_id, "
        "as JSON; for one that is not here, its institution_id, which its applications carry in any case.",
    )
    jlis_error_codes: dict[TheirCode, Annotated[str, AfterValidator(_known_code)]] = Field(
        default={},
        max_length=200,
        description="More codes of J-LIS, and which of ours each is, as JSON; they count before the table.",
    )

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if (self.jlis_client_certificate is None) != (self.jlis_client_key is None):
            raise ValueError("jlis_client_certificate and jlis_client_key go together; set both or neither")
        if self.jlis_client_key is not None and not (self.jlis_url or "").startswith("https://"):
            raise ValueError("jlis_client_certificate needs an https jlis_url")
        if self.jlis_attempt_timeout_s > self.jlis_call_timeout_s:
            raise ValueError("jlis_attempt_timeout_s is at most jlis_call_timeout_s")
        if self.jlis_batch_concurrency >= self.jlis_concurrency:
            raise ValueError("jlis_batch_concurrency is below jlis_concurrency: the rest is for callers")
        if len(self.jlis_closed_weekdays) == len(WEEKDAYS):
            raise ValueError("jlis_closed_weekdays leaves one weekday at least")
        return self

    @property
    def jlis_is_protected(self) -> bool:
        """TLS, or no way at all; also where no address is set."""
        if self.jlis_url is None or self.jlis_url.startswith("https://"):
            return True
        host = urlsplit(self.jlis_url).hostname or ""
        if host == "localhost":
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False


def provider_code_of(fields: JlisFields, institution_id: UUID) -> str:
    """What J-LIS calls an institution when it is asked for the withdrawals of its customers."""
    return fields.jlis_provider_codes.get(institution_id, str(institution_id))
