"""On-boarding: customers sign with their card, institutions register them through the public API.

Idempotent by ``registration_ref``: after a crash the same customers are chosen again (by seed) and
those already written down are left out.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509

from platform_api.demo.institution import Institution
from platform_api.demo.sandbox_client import SandboxClient
from platform_api.demo.state import DemoState
from revocation.identity import serial_from_int, serial_to_hex

AT_ONCE: Final = 6
ALL_ITEMS: Final = ["name", "address", "date_of_birth", "gender"]
ADDRESS_ONLY: Final = ["name", "address"]


@dataclass(frozen=True, slots=True)
class Customer:
    """A resident who becomes a customer of one institution."""

    institution: int
    resident: dict[str, Any]
    registration_ref: str
    items: list[str]  # consented; empty: no consent given


def choose_customers(
    residents: list[dict[str, Any]], *, seed: int, institutions: int, each: int
) -> list[Customer]:
    """By seed: the same people again after a restart. A tenth are customers of both institutions.

    One customer in eight gives no consent, one in eight consents to name and address only.
    """
    able = [r for r in residents if r["certificate"]]
    rng = random.Random(f"customers {seed}")  # noqa: S311  # a choice of fictional people, not a secret
    people = rng.sample(able, min(len(able), each * institutions))
    shared = people[: max(1, each // 10)]
    chosen: list[Customer] = []
    for number in range(institutions):
        own = people[number * each : (number + 1) * each]
        group = own + [r for r in shared if r not in own]
        for position, resident in enumerate(group[:each] if number == 0 else group):
            items = [] if position % 8 == 3 else ADDRESS_ONLY if position % 8 == 6 else ALL_ITEMS
            chosen.append(Customer(number, resident, f"account-{number + 1}-{position + 1:05d}", items))
    return chosen


class Onboarding:
    """Registers the chosen customers, a few at once, and writes down each before it counts."""

    def __init__(
        self,
        state: DemoState,
        sandbox: SandboxClient,
        institutions: list[Institution],
        progress: Callable[[int, int], None],
    ) -> None:
        self._state = state
        self._sandbox = sandbox
        self._institutions = institutions
        self._progress = progress

    async def run(self, customers: list[Customer]) -> None:
        done = {r["registration_ref"] for r in self._state.read("customers")}
        open_ones = [c for c in customers if c.registration_ref not in done]
        finished = len(customers) - len(open_ones)
        queue: asyncio.Queue[Customer] = asyncio.Queue()
        for customer in open_ones:
            queue.put_nowait(customer)

        async def work() -> None:
            nonlocal finished
            while not queue.empty():
                record = await self._register(queue.get_nowait())
                await asyncio.to_thread(self._state.append, "customers", record)
                finished += 1
                self._progress(finished, len(customers))

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())

    async def _register(self, customer: Customer) -> dict[str, Any]:
        institution = self._institutions[customer.institution]
        resident_id = customer.resident["resident_id"]
        challenge = f"{institution.service_id} {customer.registration_ref}".encode()
        signed = await self._sandbox.sign(resident_id, challenge)
        answer = await institution.onboard(
            challenge=challenge,
            signed=signed,
            registration_ref=customer.registration_ref,
            customer_ref=f"customer-{customer.registration_ref}",
        )
        registration = answer["registration"]
        record: dict[str, Any] = {
            "institution": customer.institution,
            "registration_ref": customer.registration_ref,
            "registration_id": registration["registration_id"],
            "set_seq": registration["set_seq"],
            "resident_id": resident_id,
            "municipality_code": customer.resident["municipality_code"],
            "issuer_key": customer.resident["generation"],
            "serial_number": serial_of(signed["certificate"]),
            "status": answer["status"]["status"],
            "items": answer["four_information"],
            "consented": customer.items,
            "consent_valid_from": None,
        }
        if customer.items:
            application = await institution.consent_application(
                registration["registration_id"], customer.items
            )
            consent_signature = await self._sandbox.sign(resident_id, application)
            consent = await institution.send_consent(
                registration["registration_id"], application, consent_signature
            )
            record["consent_valid_from"] = consent["valid_from"]
        return record


def serial_of(certificate: str) -> str:
    """Serial number of a base64 DER certificate, as the JSON API writes it."""
    loaded = x509.load_der_x509_certificate(base64.b64decode(certificate))
    return serial_to_hex(serial_from_int(loaded.serial_number))
