"""What the adapter works with, made once from the settings: files read, hours and codes in one object."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from platform_api.faults import SetupRefused
from platform_api.jlis.calls import Kind
from platform_api.jlis.fields import WEEKDAYS, JlisFields
from platform_api.jlis.service_hours import DailyClosure, Maintenance, ServiceHours
from platform_api.jlis.tls import client_context


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """How J-LIS is asked, and how patiently; the meaning of each is told in ``fields``."""

    base_url: str
    attempt_timeout_s: float = 5.0
    call_timeout_s: float = 15.0
    attempts: int = 3
    #: Seconds before the second attempt; then twice as long each time, with some jitter.
    retry_wait_s: float = 0.1
    resubmit: bool = True
    concurrency: int = 16
    batch_concurrency: int = 8
    failures: int = 5
    pause_s: float = 30.0
    max_answer_octets: int = 65_536
    max_list_octets: int = 8_388_608
    poll_page: int = 1000
    hours: ServiceHours = ServiceHours()  # noqa: RUF009 - frozen
    open_always: frozenset[Kind] = frozenset({Kind.LISTS})
    error_codes: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None


def gateway_settings(fields: JlisFields) -> GatewaySettings:
    """Blocking: reads the TLS files. ``SetupRefused`` where no address is set, or a file cannot be used."""
    address = address_of_j_lis(fields)
    return GatewaySettings(
        base_url=address,
        attempt_timeout_s=fields.jlis_attempt_timeout_s,
        call_timeout_s=fields.jlis_call_timeout_s,
        attempts=fields.jlis_attempts,
        resubmit=fields.jlis_resubmit,
        concurrency=fields.jlis_concurrency,
        batch_concurrency=fields.jlis_batch_concurrency,
        failures=fields.jlis_failures,
        pause_s=fields.jlis_pause_s,
        max_answer_octets=fields.jlis_max_answer_octets,
        max_list_octets=fields.jlis_max_list_octets,
        poll_page=fields.jlis_poll_page,
        hours=service_hours(fields),
        open_always=fields.jlis_open_always,
        error_codes=dict(fields.jlis_error_codes),
        tls=client_context(fields) if address.startswith("https://") else None,
    )


def service_hours(fields: JlisFields) -> ServiceHours:
    """When J-LIS takes calls, by the settings."""
    closure = fields.jlis_daily_closure
    return ServiceHours(
        daily=None if closure is None else DailyClosure.of(closure),
        weekdays=frozenset(WEEKDAYS.index(day) for day in fields.jlis_closed_weekdays),
        days=fields.jlis_closed_days,
        maintenance=tuple(map(Maintenance.of, fields.jlis_maintenance)),
    )


def address_of_j_lis(fields: JlisFields) -> str:
    """Raises ``SetupRefused`` where none is set."""
    if fields.jlis_url is None:
        raise SetupRefused(
            "JLIS_URL_MISSING",
            expected="the address of J-LIS (or of the sandbox)",
            got="none",
            remedy="set JPKI_JLIS_URL, or jlis_url in jpki.toml",
        )
    return fields.jlis_url
