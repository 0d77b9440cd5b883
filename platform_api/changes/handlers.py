"""GET /v1/events: an institution's feed, gap-free and in order, with long polling."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

from aiohttp import web
from pydantic import Field

from platform_api.changes import store
from platform_api.changes.store import FeedEvent
from platform_api.db.transactions import tenant
from platform_api.keys import POOL, STOPPING, STORE
from platform_api.operations import Answer, RequestModel, ResponseModel, operation, principal_of, query_of
from platform_api.status.catch_up import caught_up

#: Seconds between looks at the feed's head while somebody waits: one small read, by primary key.
_POLL_S: Final = 1.0


class EventsQuery(RequestModel):
    """Where to read on, how long to wait for something new, how much at once."""

    after: Annotated[int, Field(ge=0, le=2**62)] = 0
    wait: Annotated[int, Field(ge=0, le=20)] = 0
    page_size: Annotated[int, Field(ge=1, le=1000)] = 1000


class DayBody(ResponseModel):
    """With day.completed: how many events the set brought, their numbers, and whether it was complete."""

    business_date: date | None
    complete: bool
    events: int
    first_seq: int
    last_seq: int


class EventBody(ResponseModel):
    """A thin event: ids, type, cause, suggested action."""

    event_id: UUID
    seq: int
    type: str
    cause: str | None
    action: str | None
    transition: str | None
    registration_id: UUID | None
    registration_ref: str | None
    customer_ref: str | None
    service_id: UUID | None
    #: With consent.*, four_information.* and invitations: what the event is about.
    consent_id: UUID | None
    invitation_id: UUID | None
    delivery_id: UUID | None
    set_seq: int
    occurred_at: datetime
    day: DayBody | None


class EventsResponse(ResponseModel):
    """A page; read on with ``after = next_after``."""

    events: list[EventBody]
    head_seq: int
    next_after: int


@operation(
    "GET",
    "/v1/events",
    operation_id="list_events",
    request=None,
    query=EventsQuery,
    response=EventsResponse,
    scope="events:read",
    other_statuses=(304,),
    summary_en="Events of your registrations after a number, in order and without gaps",
    summary_ja="指定した番号より後のイベントを欠番なく順に取得する",
)
async def list_events(request: web.Request) -> EventsResponse | Answer:
    query = query_of(request, EventsQuery)
    head = await _head_after(request, query.after, query.wait)
    # Weak: the events behind a number never change, but the references joined to them may be erased.
    etag = f'W/"{query.after}-{query.page_size}-{head}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if _matches(request, etag):
        page = EventsResponse(events=[], head_seq=head, next_after=query.after)
        return Answer(page, status=304, headers=headers)
    institution_id = principal_of(request).institution_id
    async with tenant(request.config_dict[POOL], institution_id) as connection:
        found = await store.read_events(connection, institution_id, query.after, query.page_size)
    if found:
        # Told of set n, the institution may ask for a status next: this process must serve set n by then.
        await caught_up(request.config_dict[STORE], max(event.set_seq for event in found))
    page = EventsResponse(
        events=[_body(event) for event in found],
        head_seq=max(head, found[-1].seq if found else 0),
        next_after=found[-1].seq if found else query.after,
    )
    return Answer(page, headers=headers)


async def _head_after(request: web.Request, after: int, wait_s: int) -> int:
    """The feed's head, as soon as it is beyond ``after`` or the waiting is over."""
    institution_id = principal_of(request).institution_id
    stopping = request.config_dict[STOPPING]
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while True:
        async with tenant(request.config_dict[POOL], institution_id) as connection:
            head = await store.head(connection, institution_id)
        left = deadline - loop.time()
        if head > after or left <= 0:
            return head
        if stopping.is_set():
            return head
        # The connection is back in the pool while we wait: a thousand waiters hold none.
        with suppress(TimeoutError):
            async with asyncio.timeout(min(_POLL_S, left)):
                await stopping.wait()


def _matches(request: web.Request, etag: str) -> bool:
    """If-None-Match by weak comparison (RFC 9110 section 13.1.2)."""
    given = request.headers.get("If-None-Match", "")
    return etag.removeprefix("W/") in {tag.strip().removeprefix("W/") for tag in given.split(",")}


def _body(event: FeedEvent) -> EventBody:
    return EventBody(
        event_id=event.event_id,
        seq=event.seq,
        type=event.type,
        cause=event.cause,
        action=event.action,
        transition=event.transition,
        registration_id=event.registration_id,
        registration_ref=event.registration_ref,
        customer_ref=event.customer_ref,
        service_id=event.service_id,
        consent_id=event.consent_id,
        invitation_id=event.invitation_id,
        delivery_id=event.delivery_id,
        set_seq=event.set_seq,
        occurred_at=event.occurred_at,
        day=_day(event),
    )


def _day(event: FeedEvent) -> DayBody | None:
    if event.complete is None:
        return None
    if event.day_events is None or event.first_seq is None or event.last_seq is None:
        raise AssertionError("expected the day's figures with day.completed (0002), got none")
    return DayBody(
        business_date=event.business_date,
        complete=event.complete,
        events=event.day_events,
        first_seq=event.first_seq,
        last_seq=event.last_seq,
    )
