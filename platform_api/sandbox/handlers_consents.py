"""Consents over HTTP: given, looked at, withdrawn, and the poll by which alone an institution hears of it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from platform_api.sandbox.app import SANDBOX
from platform_api.sandbox.applications import check_time, parse_application, parse_withdrawal
from platform_api.sandbox.consents import consent_unknown
from platform_api.sandbox.disturbing import disturbed
from platform_api.sandbox.fault_kinds import Target
from platform_api.sandbox.faults import Fault
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.requests import body_of, json_response
from platform_api.sandbox.requests_jlis import (
    ChangeSettings,
    ConsentOf,
    GiveConsent,
    PollWithdrawals,
    WithdrawByHand,
    WithdrawConsent,
)
from platform_api.sandbox.signed_by import signer_of
from platform_api.sandbox.world import World


def add_routes(app: web.Application) -> None:
    app.router.add_post("/jlis/v1/consents", post_consent)
    app.router.add_post("/jlis/v1/consents:get", post_get)
    app.router.add_post("/jlis/v1/consents:withdraw", post_withdraw)
    app.router.add_post("/jlis/v1/withdrawals:poll", post_poll)
    app.router.add_post("/sandbox/v1/residents/{resident_id:[^/:]+}/consents:withdraw", post_by_hand)
    app.router.add_get("/sandbox/v1/settings", get_settings)
    app.router.add_post("/sandbox/v1/settings", post_settings)


async def post_consent(request: web.Request) -> web.StreamResponse:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, GiveConsent)

    async def produce(_: Fault | None) -> web.Response:
        return json_response(await sandbox.ask(_receive, sandbox.world, body), 201)

    return await disturbed(request, sandbox.faults.take(Target.CONSENTS), produce)


def _receive(world: World, body: GiveConsent) -> dict[str, Any]:
    """Certificate, signature, then the application; the same one again gets the same consent."""
    signer = signer_of(world, body)
    application = parse_application(signer.octets)
    _same_service(application.service_code, body.service_code)
    now = world.clock.now().replace(microsecond=0)
    given = world.consents.already(signer.issued.resident, application, signer.octets)
    if given is None:
        signer.require_in_force(now)
        check_time(application.created_at, now)
        record = world.consents.record_of(
            signer.issued.resident, application, signer.octets, now, world.jlis_settings
        )
        given = world.keep(record)
    answer: dict[str, Any] = given.answer(world.clock.now())
    return answer


async def post_get(request: web.Request) -> web.StreamResponse:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, ConsentOf)

    def look(world: World) -> dict[str, Any]:
        return world.consents.known(body.consent_ref).answer(world.clock.now())

    async def produce(_: Fault | None) -> web.Response:
        return json_response(await sandbox.ask(look, sandbox.world))

    return await disturbed(request, sandbox.faults.take(Target.CONSENTS), produce)


async def post_withdraw(request: web.Request) -> web.StreamResponse:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, WithdrawConsent)

    async def produce(_: Fault | None) -> web.Response:
        return json_response(await sandbox.ask(_withdraw, sandbox.world, body))

    return await disturbed(request, sandbox.faults.take(Target.CONSENTS), produce)


def _withdraw(world: World, body: WithdrawConsent) -> dict[str, Any]:
    """As strictly as a consent. What is withdrawn already stays so: the receipt is that of the first time."""
    signer = signer_of(world, body)
    application = parse_withdrawal(signer.octets)
    _same_service(application.service_code, body.service_code)
    consent = world.consents.known(body.consent_ref)
    signed_for = (application.institution_code, application.service_code, application.consent_application_id)
    if consent.resident != signer.issued.resident or signed_for != (
        consent.provider_code,
        consent.service_code,
        consent.application_id,
    ):
        raise consent_unknown()
    found = world.withdrawals.already(consent, application, signer.octets)
    if found is None:
        now = world.clock.now().replace(microsecond=0)
        signer.require_in_force(now)
        check_time(application.created_at, now)
        found = world.withdrawals.of(consent.consent_ref)
        if found is None:
            found = world.keep(
                world.withdrawals.record_of(
                    consent.resident,
                    consent.service_code,
                    now,
                    world.jlis_settings,
                    application=application,
                    octets=signer.octets,
                )
            )
    receipt: dict[str, Any] = found.receipt(consent.consent_ref)
    return receipt


def _same_service(signed: str, said: str) -> None:
    if signed != said:
        raise RequestRefused(
            422, "SERVICE_CODE_MISMATCH", "expected service_code to be that of the signed <サービスコード>"
        )


async def post_poll(request: web.Request) -> web.StreamResponse:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, PollWithdrawals)

    def look(world: World) -> dict[str, Any]:
        return world.withdrawals.page(body.provider_code, body.cursor, body.limit, world.clock.now())

    async def produce(_: Fault | None) -> web.Response:
        return json_response(await sandbox.ask(look, sandbox.world))

    return await disturbed(request, sandbox.faults.take(Target.WITHDRAWALS), produce)


async def post_by_hand(request: web.Request) -> web.Response:
    """J-LIS's own application (JPKI Mobile): J-LIS knows at once, and nobody hears of it but by the poll."""
    sandbox = request.app[SANDBOX]
    body = await body_of(request, WithdrawByHand)
    found = await sandbox.ask(
        withdraw_by_hand, sandbox.world, request.match_info["resident_id"], body.service_code
    )
    return json_response(found)


def withdraw_by_hand(world: World, resident_id: str, service_code: str) -> dict[str, Any]:
    """Ends all of a person's consents to a service, now."""
    resident = world.resident(resident_id)
    if not world.withdrawals.standing(resident.number, service_code):
        raise RequestRefused(
            409, "NO_CONSENT", "expected a service to which this resident's consent stands; choose another"
        )
    now = world.clock.now().replace(microsecond=0)
    record = world.withdrawals.record_of(resident.number, service_code, now, world.jlis_settings)
    withdrawal = world.keep(record)
    return {
        "withdrawals": [withdrawal.receipt(consent.consent_ref) for consent in withdrawal.consents],
    }


async def get_settings(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    return json_response(await sandbox.ask(sandbox.world.jlis_settings.as_json))


async def post_settings(request: web.Request) -> web.Response:
    """Changes what is named; what was received before keeps the times that it was told."""
    sandbox = request.app[SANDBOX]
    changes = (await body_of(request, ChangeSettings)).model_dump(exclude_none=True)

    def change(world: World) -> dict[str, Any]:
        world.keep({"kind": "jlis_settings", **world.jlis_settings.changed(changes).as_json()})
        return world.jlis_settings.as_json()

    return json_response(await sandbox.ask(change, sandbox.world))
