"""PUT and GET /v1/services/{service_id}/refresh-policy."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from aiohttp import web
from pydantic import AfterValidator, Field

from platform_api.certificates.wire import Items
from platform_api.consents.model import jst_date
from platform_api.db.transactions import tenant
from platform_api.deliveries.queue import has_key, key_missing
from platform_api.keys import CLOCK, POOL
from platform_api.operations import RequestModel, ResponseModel, operation, path_uuid, principal_of
from platform_api.problems import Problem, not_found
from platform_api.refresh import store, task_store
from platform_api.refresh.policy import Policy, RefreshCause
from platform_api.registrations import store as registrations
from platform_api.status.permissions import require_purpose

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection


CauseName = Literal["CONTENT_CHANGED", "RENEWED", "UNSPECIFIED", "ENDED_CAUSE_UNKNOWN", "EXPIRED"]


def _each_once(causes: list[CauseName]) -> list[CauseName]:
    if len(set(causes)) != len(causes):
        raise ValueError("expected each cause once")
    return causes


def _default_causes() -> list[CauseName]:
    return ["CONTENT_CHANGED", "UNSPECIFIED"]


Days = Annotated[int, Field(ge=1, le=365)]
Cap = Annotated[int, Field(ge=0, le=10_000_000)]


class RefreshPolicyRequest(RequestModel):
    """What is fetched automatically, and how much of it a day (JST) may cost."""

    enabled: bool
    items: Items
    #: DATA answers of one JST day; J-LIS charges for these.
    daily_cap: Cap
    #: Questions of one JST day, whatever their answer.
    daily_questions_cap: Cap
    #: Encrypted to your own key, in the queue: see /v1/deliveries.
    delivery: Literal["queue"] = "queue"
    #: Hours that a delivery waits to be taken.
    keep_hours: Annotated[int, Field(ge=1, le=72)] = 24
    #: Days between two questions while J-LIS has nothing; the last one repeats.
    back_off_days: Annotated[list[Days], Field(min_length=1, max_length=20)] = Field(
        default_factory=lambda: [1, 3, 7, 14, 30]
    )
    #: Days after which four_information.unavailable hands the customer over to you.
    hand_over_after_days: Annotated[int, Field(ge=1, le=3650)] = 180
    #: A mere renewal (RENEWED) costs a fee and moves personal data for nothing new: by default not.
    refresh_on: Annotated[list[CauseName], Field(max_length=5), AfterValidator(_each_once)] = Field(
        default_factory=_default_causes
    )
    #: May J-LIS be asked for a renewed certificate's successor, where the registration says linkage_agreed?
    linkage: bool = False


class DayUsed(ResponseModel):
    """Today's use of the caps."""

    day: date
    questions: int
    data: int


class RefreshPolicyBody(ResponseModel):
    """The policy, and what is under way by it."""

    service_id: UUID
    enabled: bool
    items: list[str]
    daily_cap: int
    daily_questions_cap: int
    delivery: str
    keep_hours: int
    back_off_days: list[int]
    hand_over_after_days: int
    refresh_on: list[str]
    linkage: bool
    updated_at: datetime
    today: DayUsed
    #: Registrations by the state of their task: WAITING, ASKING, DELIVERED, BLOCKED_BY_CONSENT.
    open_tasks: dict[str, int]


@operation(
    "PUT",
    "/v1/services/{service_id}/refresh-policy",
    operation_id="put_refresh_policy",
    request=RefreshPolicyRequest,
    response=RefreshPolicyBody,
    scope="services:write",
    writes=True,
    summary_en="Have changed customers' items fetched automatically, within daily caps",
    summary_ja="変更のあったお客さまの基本4情報を、1日の上限内で自動取得する",
)
async def put_refresh_policy(request: web.Request, body: RefreshPolicyRequest) -> RefreshPolicyBody:
    principal = principal_of(request)
    require_purpose(principal, "four_information")
    service_id = path_uuid(request, "service_id")
    institution_id = principal.institution_id
    now = request.config_dict[CLOCK].now()
    async with tenant(request.config_dict[POOL], institution_id) as connection:
        if await registrations.service_code(connection, service_id) is None:
            raise not_found()
        if body.enabled and not await has_key(connection, institution_id):
            raise key_missing()
        await store.put_policy(connection, institution_id, service_id, _policy(body), now)
        return await _body(connection, service_id, now)


@operation(
    "GET",
    "/v1/services/{service_id}/refresh-policy",
    operation_id="get_refresh_policy",
    request=None,
    response=RefreshPolicyBody,
    scope="services:write",
    summary_en="A service's refresh policy, today's use of its caps, and what is under way",
    summary_ja="サービスの自動取得の設定、本日の利用数、処理状況",
)
async def get_refresh_policy(request: web.Request) -> RefreshPolicyBody:
    institution_id = principal_of(request).institution_id
    now = request.config_dict[CLOCK].now()
    async with tenant(request.config_dict[POOL], institution_id) as connection:
        return await _body(connection, path_uuid(request, "service_id"), now)


async def _body(connection: Connection, service_id: UUID, now: datetime) -> RefreshPolicyBody:
    stored = await store.find_policy(connection, service_id)
    if stored is None:
        raise _no_policy()
    policy = stored.policy
    day = jst_date(now)
    used = await store.used(connection, service_id, day)
    return RefreshPolicyBody(
        service_id=service_id,
        enabled=policy.enabled,
        items=list(policy.items),
        daily_cap=policy.daily_cap,
        daily_questions_cap=policy.daily_questions_cap,
        delivery="queue",
        keep_hours=policy.keep // timedelta(hours=1),
        back_off_days=[pause.days for pause in policy.back_off],
        hand_over_after_days=policy.hand_over_after.days,
        refresh_on=sorted(policy.refresh_on),
        linkage=policy.linkage,
        updated_at=stored.updated_at,
        today=DayUsed(day=day, questions=used.questions, data=used.data),
        open_tasks=await task_store.count_open(connection, service_id),
    )


def _no_policy() -> Problem:
    """The same for another institution's service: nothing says that there is one."""
    return Problem(
        404,
        "REFRESH_POLICY_MISSING",
        en="This service has no refresh policy, so nothing is fetched automatically; PUT one to begin.",
        ja="このサービスには自動取得の設定がないため、自動取得は行われません。設定するにはPUTしてください。",
    )


def _policy(body: RefreshPolicyRequest) -> Policy:
    return Policy(
        enabled=body.enabled,
        items=tuple(body.items),
        daily_cap=body.daily_cap,
        daily_questions_cap=body.daily_questions_cap,
        keep=timedelta(hours=body.keep_hours),
        back_off=tuple(timedelta(days=days) for days in body.back_off_days),
        hand_over_after=timedelta(days=body.hand_over_after_days),
        refresh_on=frozenset(RefreshCause(cause) for cause in body.refresh_on),
        linkage=body.linkage,
    )
