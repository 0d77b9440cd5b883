"""Automatic refresh and permission: withdrawn while queued or asked, withdrawals not read, linkage agreed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console

from platform_api.cli.refresh import show
from platform_api.consents.maintenance import MaintenanceReport
from platform_api.jlis.gateway import LinkageAnswer, LinkageOutcome, SuccessorCertificate
from platform_api.refresh.report import InstitutionReport, PassOutcome, RefreshReport
from revocation.status import Validity
from tests.features.cards import make_card
from tests.features.consenting import consent, next_day, withdraw, withdrawal
from tests.features.gateways import successor
from tests.features.refreshing import (
    AVAILABLE,
    DAY,
    UNAVAILABLE,
    Customer,
    Refresher,
    refresher,
)
from tests.features.service import b64
from tests.revocation import sets

__all__ = ["refresher"]
pytestmark = pytest.mark.timeout(90)
OBTAIN = ("four_information.unavailable", "OBTAIN_CERTIFICATE_AT_NEXT_LOGIN")


async def test_withdrawn_while_queued(refresher: Refresher) -> None:
    """The holder withdraws at J-LIS before the delivery is taken: it is gone in the transaction of the poll,
    the institution is told, and nothing is fetched any more."""
    await refresher.begin()
    (one,) = await refresher.customers(1)
    await refresher.move([one])
    refresher.reissue([one])
    await refresher.run()
    (waiting,) = await refresher.deliveries()
    refresher.jlis.withdraw(refresher.institution.service_code)
    report = await refresher.run()
    assert (report.withdrawals, report.looked) == (1, {"BLOCKED_BY_CONSENT": 1})
    path = f"/v1/deliveries/{waiting['delivery_id']}"
    await refresher.service.call(refresher.institution, "GET", path, expect=410)
    assert await refresher.told() == [AVAILABLE, UNAVAILABLE]
    assert await refresher.state(one) == "CHANGED_AWAITING_REISSUE"
    refresher.clock.advance(DAY)
    assert (await refresher.run()).asked == 0
    assert len(refresher.jlis.queries) == 1


async def test_stopped_by_the_institution_while_queued(refresher: Refresher) -> None:
    """The delivery is gone with the stop itself, before any pass; the next one tells, once."""
    await refresher.begin()
    (one,) = await refresher.customers(1)
    await refresher.move([one])
    refresher.reissue([one])
    await refresher.run()
    (waiting,) = await refresher.deliveries()
    listed = await refresher.service.call(refresher.institution, "GET", "/v1/consents")
    (given,) = listed["consents"]
    path = f"/v1/consents/{given['consent_id']}:stop"
    await refresher.service.call(refresher.institution, "POST", path, {})
    path = f"/v1/deliveries/{waiting['delivery_id']}"
    await refresher.service.call(refresher.institution, "GET", path, expect=410)
    assert await refresher.deliveries() == []
    for _ in range(2):
        await refresher.run()
    assert await refresher.told() == [AVAILABLE, UNAVAILABLE]
    assert (await refresher.task())["last_code"] == "CONSENT_ENDED_BEFORE_TAKEN"


async def test_withdrawn_between_question_and_answer(refresher: Refresher) -> None:
    """The answer is thrown away and counted, nothing is queued, the task is blocked and J-LIS is not asked
    again."""
    await refresher.begin()
    (one,) = await refresher.customers(1)
    await refresher.move([one])
    refresher.reissue([one])

    async def ended() -> None:
        async with refresher.service.world.database.superuser() as connection:
            await connection.execute("UPDATE consent SET state = 'STOPPED'")

    refresher.jlis.meanwhile = ended
    report = await refresher.run()
    assert (report.delivered, await refresher.deliveries(), await refresher.told()) == (0, [], [])
    assert (await refresher.task())["state"] == "BLOCKED_BY_CONSENT"
    assert (await refresher.policy())["today"]["data"] == 1
    refresher.jlis.meanwhile = None
    for _ in range(3):
        refresher.clock.advance(timedelta(hours=2))
        assert (await refresher.run()).asked == 0


async def test_withdrawals_must_have_been_read_within_a_day(refresher: Refresher) -> None:
    """The poll fails: what was read 24 hours ago still counts; a second later nothing is fetched."""
    await refresher.begin()
    customers = await refresher.customers(2)
    await refresher.run()  # polls
    await refresher.move(customers)
    refresher.reissue(customers)
    polled = refresher.jlis.polls
    await refresher.run()
    refresher.clock.advance(DAY)
    first, second = customers
    deliveries = await refresher.deliveries()
    assert (refresher.jlis.polls, len(deliveries)) == (polled + 1, 0)

    async def no_poll(*_: Any) -> Any:
        from revocation.errors import OutsideFailed

        raise OutsideFailed("JLIS_TIMEOUT", expected="an answer", got="none", remedy="later")

    refresher.jlis.poll_withdrawals = no_poll  # type: ignore[method-assign]
    report = await refresher.run()  # exactly 24 hours old
    assert (report.delivered, report.problems) == (2, [])
    refresher.clock.advance(DAY + timedelta(seconds=1))
    report = await refresher.run()
    assert (report.asked, report.problems, report.postponed) == (0, ["WITHDRAWALS_NOT_POLLED"], 2)
    assert first.registration_id != second.registration_id


async def test_what_jlis_has_not_got_is_told_until_it_has(refresher: Refresher) -> None:
    """A withdrawal and a consent, handed in while J-LIS was away: every pass is PARTIAL and counts both, for
    a person and in JSON, until the same requests have come again."""
    service, institution, jlis = refresher.service, refresher.institution, refresher.jlis
    await refresher.begin()
    (one,) = await refresher.customers(1)
    (given,) = (await service.call(institution, "GET", "/v1/consents"))["consents"]
    form = await withdrawal(service, institution, given["consent_id"], one.card)
    unsent: dict[str, Any] = {}
    jlis.down = True
    await withdraw(service, institution, given["consent_id"], form, expect=503)
    await consent(service, institution, one.card, one.registration_id, expect=503, keep=unsent)
    jlis.down = False
    refresher.clock.advance(timedelta(hours=1, seconds=1))
    for _ in range(2):
        report = RefreshReport([await refresher.run()])
        assert report.outcome is PassOutcome.PARTIAL
        found = report.as_json()
        assert (found["unforwarded_withdrawals"], found["unsent_consents"]) == (1, 1)
        (listed,) = found["institutions"]
        assert listed["problems"] == ["WITHDRAWALS_NOT_FORWARDED", "CONSENTS_NOT_SENT"]
        assert (listed["unforwarded_withdrawals"], listed["unsent_consents"]) == (1, 1)
        told = Console(file=StringIO(), width=200)
        show(told, found)
        assert "WITHDRAWALS_NOT_FORWARDED" in told.file.getvalue()  # type: ignore[attr-defined]
    await withdraw(service, institution, given["consent_id"], form)
    await service.call(institution, "POST", "/v1/consents", unsent, expect=201)
    found = RefreshReport([await refresher.run()]).as_json()
    assert (found["unforwarded_withdrawals"], found["unsent_consents"]) == (0, 0)
    assert found["outcome"] != PassOutcome.PARTIAL.value


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({}, []),
        ({"implausible": 2}, ["CONSENT_ANSWERS_UNUSABLE"]),
        ({"jlis_failure": "JLIS_CLOSED", "complete": False}, ["JLIS_CLOSED"]),
        ({"complete": False}, ["CONSENTS_LEFT_OVER"]),
    ],
)
def test_what_the_daily_work_could_not_do(changes: dict[str, Any], problems: list[str]) -> None:
    """An answer of no use, J-LIS away, the pass's own bounds: each has its code."""
    nothing = MaintenanceReport(
        turned=0,
        told=0,
        asked=0,
        reflected=0,
        implausible=0,
        jlis_failure=None,
        unforwarded_withdrawals=0,
        unsent_consents=0,
        complete=True,
    )
    report = InstitutionReport(uuid4())
    report.maintained(replace(nothing, **changes))
    assert report.problems == problems
    assert report.unusable_answers == changes.get("implausible", 0)


async def agree(refresher: Refresher, one: Customer, *, agreed: bool = True) -> dict[str, Any]:
    path = f"/v1/services/{refresher.institution.service_id}/registrations/r0"
    body = {"certificate": b64(one.card.der), "customer_ref": "customer-1", "linkage_agreed": agreed}
    return await refresher.service.call(refresher.institution, "PUT", path, body)


def renewal(refresher: Refresher, one: Customer, *, gap: timedelta = timedelta(0)) -> SuccessorCertificate:
    """Begins in the second in which the old one ended, or later."""
    found = successor(refresher.service.world, one.new)
    begins = sets.T0 - DAY + gap  # the lists' revocation date, unless a test gives another
    return SuccessorCertificate(found.identity, Validity(begins, found.validity.not_after), found.partition)


async def test_a_renewal_is_linked_where_the_customer_agreed(refresher: Refresher) -> None:
    """Without consent, items or an event: the new certificate is watched, and reports a move."""
    await refresher.begin(linkage=True)
    (one,) = await refresher.customers(1, consents=False)
    assert (await agree(refresher, one))["linkage_agreed"] is True
    await refresher.move([one], reason=4)
    assert (await refresher.run()).by_outcome == {"NO_NEW_CERTIFICATE": 1}
    refresher.clock.advance(DAY)
    refresher.jlis.linked = renewal(refresher, one)
    report = await refresher.run()
    assert (report.linked, report.delivered, refresher.jlis.queries) == (1, 0, [])
    assert (await refresher.state(one), await refresher.told()) == ("WATCHED", [])
    await next_day(refresher.service, {one.card.serial: 4, one.new.serial: 3})
    told = await refresher.service.world.told(refresher.institution)
    assert [cause for _, cause, _ in told] == ["RENEWED", "CONTENT_CHANGED"]
    assert [task["state"] for task in await refresher.tasks()] == ["DONE"]


async def test_renewed_then_moved_before_anybody_asked(refresher: Refresher) -> None:
    """J-LIS names the newest certificate: one that begins after the renewal may hide a move. It is not taken
    for the renewal; the institution is told to obtain the certificate, and the registration stays visible."""
    await refresher.begin(linkage=True)
    (one,) = await refresher.customers(1, consents=False)
    await agree(refresher, one)
    await refresher.move([one], reason=4)
    refresher.jlis.linked = renewal(refresher, one, gap=timedelta(seconds=1))
    report = await refresher.run()
    assert (report.linked, report.handed_over, await refresher.told()) == (0, 1, [OBTAIN])
    assert await refresher.state(one) == "RENEWED_UNLINKED"
    assert (await refresher.run()).idle


async def test_renewal_without_agreement_then_a_move(refresher: Refresher) -> None:
    """Nobody may ask which certificate came after. The registration stays RENEWED_UNLINKED with the action
    that was told at the renewal, says that it detects nothing more, and reports the move once the customer
    shows the new certificate: nothing is missed beyond what is said."""
    await refresher.begin(linkage=True)
    (one,) = await refresher.customers(1, consents=False)
    await refresher.move([one], reason=4)
    refresher.jlis.linked = renewal(refresher, one)
    assert (await refresher.run()).asked == 0
    await next_day(refresher.service, {one.card.serial: 4, one.new.serial: 3})
    assert (await refresher.run()).asked == 0
    assert refresher.jlis.linkage_queries == []
    path = f"/v1/registrations/{one.registration_id}"
    shown = await refresher.service.call(refresher.institution, "GET", path)
    assert (shown["state"], shown["detects"], shown["linkage_agreed"]) == ("RENEWED_UNLINKED", [], False)
    events = await refresher.service.world.events(refresher.institution)
    assert [e.action for e in events if e.type == "certificate.renewed"] == [
        "OBTAIN_CERTIFICATE_AT_NEXT_LOGIN"
    ]
    body = {"certificate": b64(one.new.der), "customer_ref": "customer-1"}
    put_path = f"/v1/services/{refresher.institution.service_id}/registrations/r0"
    assert (await refresher.service.call(refresher.institution, "PUT", put_path, body))[
        "state"
    ] == "CHANGED_AWAITING_REISSUE"
    told = await refresher.service.world.told(refresher.institution)
    assert [cause for _, cause, _ in told] == ["RENEWED", "CONTENT_CHANGED"]


async def test_renewal_with_consent_then_a_move_brings_the_newest_items(refresher: Refresher) -> None:
    """Where renewals are refreshed and a consent is there, the items are asked for first, not the linkage."""
    await refresher.begin(linkage=True, refresh_on=["RENEWED"])
    (one,) = await refresher.customers(1)
    await agree(refresher, one)
    await refresher.move([one], reason=4)
    refresher.reissue([one])
    report = await refresher.run()
    assert (report.delivered, report.linked, refresher.jlis.linkage_queries) == (1, 0, [])


async def test_agreement_taken_back_while_asked(refresher: Refresher) -> None:
    """The answer is thrown away; the registration stays as it was."""
    await refresher.begin(linkage=True)
    (one,) = await refresher.customers(1, consents=False)
    await agree(refresher, one)
    await refresher.move([one], reason=4)
    linked = renewal(refresher, one)

    async def query_linkage(_: Any) -> LinkageAnswer:
        await agree(refresher, one, agreed=False)
        return LinkageAnswer(LinkageOutcome.LINKED, linked)

    refresher.jlis.query_linkage = query_linkage  # type: ignore[method-assign]
    report = await refresher.run()
    assert (report.linked, await refresher.state(one)) == (0, "RENEWED_UNLINKED")
    assert (await refresher.run()).looked == {"CANCELLED": 1}


async def test_another_persons_or_an_authentication_certificate_is_not_linked(refresher: Refresher) -> None:
    """What cannot be the successor is refused by code and asked about again by schedule, not at once."""
    await refresher.begin(linkage=True)
    (one,) = await refresher.customers(1, consents=False)
    await agree(refresher, one)
    await refresher.move([one], reason=4)
    refresher.jlis.linked = successor(
        refresher.service.world, make_card(sets.ca(), not_before=sets.T0 - 90 * DAY)
    )
    report = await refresher.run()
    assert (report.linked, (await refresher.task())["last_code"]) == (0, "SUCCESSOR_DATES")
    assert (await refresher.run()).asked == 0
