"""On-boarding: customers sign with their card, institutions register them through the public API.

Idempotent by ``registration_ref``: after a crash the same customers are chosen again (by seed) and
those already written down are left out.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509

from platform_api.demo.cast import ADDRESS_ONLY, ALL_ITEMS, PARTS, Part
from platform_api.demo.institution import Institution
from platform_api.demo.sandbox_client import SandboxClient
from platform_api.demo.state import DemoState
from revocation.identity import serial_from_int, serial_to_hex

AT_ONCE: Final = 6


@dataclass(frozen=True, slots=True)
class Customer:
    """A resident who becomes a customer of one service of one institution."""

    institution: int
    resident: dict[str, Any]
    registration_ref: str
    items: list[str]  # consented; empty: no consent given
    part: Part | None = None
    #: Beside a part's own registration: the same person's other service, or other institution.
    beside: bool = False
    service: int = 0

    @property
    def kind(self) -> str:
        return "card-sign" if self.part is None or self.beside else self.part.kind

    @property
    def linkage_agreed(self) -> bool:
        return self.part is not None and self.part.linkage_agreed and not self.beside


def choose_customers(
    residents: list[dict[str, Any]], *, seed: int, institutions: int, each: int
) -> list[Customer]:
    """By seed: the same people again after a restart. The cast first, then people who just live.

    Of those a tenth are customers of both institutions, one in eight gives no consent, and one in eight
    consents to name and address only.
    """
    able = [r for r in residents if r["certificate"]]
    rng = random.Random(f"customers {seed}")  # noqa: S311  # a choice of fictional people, not a secret
    rng.shuffle(able)
    cast = list(_cast(able, institutions))
    playing = {customer.resident["resident_id"] for customer in cast}
    people = [r for r in able if r["resident_id"] not in playing]
    left = [max(0, each - sum(c.institution == n for c in cast)) for n in range(institutions)]
    shared = people[: max(1, each // 10)]
    chosen = cast
    taken = 0
    for number in range(institutions):
        group = people[taken : taken + left[number]]
        taken += len(group)
        group += [r for r in shared if number > 0 and r not in group]
        for position, resident in enumerate(group):
            items = () if position % 8 == 3 else ADDRESS_ONLY if position % 8 == 6 else ALL_ITEMS
            ref = f"account-{number + 1}-{position + 1:05d}"
            chosen.append(Customer(number, resident, ref, list(items)))
    return chosen


def _cast(able: list[dict[str, Any]], institutions: int) -> Iterator[Customer]:
    """One person for each part; for a phone's part somebody who has one."""
    free = list(able)
    for part in PARTS:
        if part.institution >= institutions:
            continue
        resident = next((r for r in free if part.kind in r["certificates"]), None)
        if resident is None:
            continue
        free.remove(resident)
        ref = f"cast-{part.name.replace('_', '-')}"
        yield Customer(part.institution, resident, ref, list(part.items), part)
        if part.second_service:
            yield Customer(part.institution, resident, f"{ref}-2", [], part, beside=True, service=1)
        if part.at_both and institutions > 1:
            yield Customer(1 - part.institution, resident, f"{ref}-there", [], part, beside=True)


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
        # J-LIS's slowness is a setting for everybody: whose consent it is meant for comes alone, and last.
        alone = [c for c in open_ones if c.part is not None and c.part.reflected_after_s and not c.beside]
        queue: asyncio.Queue[Customer] = asyncio.Queue()
        for customer in open_ones:
            if customer not in alone:
                queue.put_nowait(customer)

        async def work() -> None:
            while not queue.empty():
                await one(queue.get_nowait())

        async def one(customer: Customer) -> None:
            nonlocal finished
            record = await self._register(customer)
            await asyncio.to_thread(self._state.append, "customers", record)
            finished += 1
            self._progress(finished, len(customers))

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())
        for customer in alone:
            if customer.part is not None:
                await self._sandbox.reflect_consents_after(customer.part.reflected_after_s)
            try:
                await one(customer)
            finally:
                await self._sandbox.reflect_consents_after(0)

    async def _register(self, customer: Customer) -> dict[str, Any]:
        institution = self._institutions[customer.institution]
        resident_id = customer.resident["resident_id"]
        challenge = f"{institution.service_id} {customer.registration_ref}".encode()
        signed = await self._sandbox.sign(resident_id, challenge, customer.kind)
        answer = await institution.onboard(
            challenge=challenge,
            signed=signed,
            registration_ref=customer.registration_ref,
            customer_ref=f"customer-{customer.registration_ref}",
            service=customer.service,
            linkage_agreed=customer.linkage_agreed,
        )
        registration = answer["registration"]
        record: dict[str, Any] = {
            "institution": customer.institution,
            "service": customer.service,
            "part": None if customer.part is None else customer.part.name,
            "beside": customer.beside,
            "kind": customer.kind,
            "linkage_agreed": customer.linkage_agreed,
            "registration_ref": customer.registration_ref,
            "registration_id": registration["registration_id"],
            "set_seq": registration["set_seq"],
            "resident_id": resident_id,
            "municipality_code": customer.resident["municipality_code"],
            **await self._identity(resident_id, customer.kind, signed["certificate"]),
            "status": answer["status"]["status"],
            "items": answer["four_information"],
            "consented": customer.items,
            "consent_id": None,
        }
        if customer.items:
            application = await institution.consent_application(
                registration["registration_id"], customer.items, customer.service
            )
            consent_signature = await self._sandbox.sign(resident_id, application, customer.kind)
            consent = await institution.send_consent(
                registration["registration_id"], application, consent_signature
            )
            record["consent_id"] = consent["consent_id"]
        return record

    async def _identity(self, resident_id: str, kind: str, certificate: str) -> dict[str, Any]:
        """Which certificate it was, for the comparison; the institution itself does not keep it.

        Each CA has its own counter: one person may have the same number on card and phone.
        """
        named = (kind, serial_of(certificate))
        record = await self._sandbox.person(resident_id)
        own = next(c for c in record["certificates"] if (c["kind"], c["serial_number"]) == named)
        return {name: own[name] for name in ("issuer_key", "serial_number", "partition")}


def serial_of(certificate: str) -> str:
    """Serial number of a base64 DER certificate, as the JSON API writes it."""
    loaded = x509.load_der_x509_certificate(base64.b64decode(certificate))
    return serial_to_hex(serial_from_int(loaded.serial_number))
