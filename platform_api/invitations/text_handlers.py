"""PUT and GET /v1/services/{service_id}/consent-text: what a service's customers read before they consent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import AfterValidator, Field

from platform_api.db.transactions import tenant
from platform_api.invitations import text_store
from platform_api.invitations.explanation import NUMBERS, TEMPLATE, Clause, Explanation, missing
from platform_api.keys import CLOCK, POOL
from platform_api.operations import RequestModel, ResponseModel, operation, path_uuid, principal_of
from platform_api.problems import Problem, not_found


def _plain(text: str) -> str:
    """A text that people read: nothing invisible in it, which could turn or hide what stands there."""
    if any(not character.isprintable() and character not in "\n\u3000" for character in text):
        raise ValueError("expected printable text and line feeds only")
    if not text.strip():
        raise ValueError("expected a text, not only blanks")
    return text


class ClauseBody(RequestModel):
    """One of the 15 explanations, by its number."""

    number: Annotated[int, Field(ge=NUMBERS[0], le=NUMBERS[-1])]
    heading: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_plain)]
    text: Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_plain)]


def _each_number_once(clauses: list[ClauseBody]) -> list[ClauseBody]:
    if len({clause.number for clause in clauses}) != len(clauses):
        raise ValueError("expected each number once")
    return clauses


Clauses = Annotated[
    list[ClauseBody], Field(min_length=1, max_length=len(NUMBERS)), AfterValidator(_each_number_once)
]


class TextRequest(RequestModel):
    """The whole text, each time; English where there is one."""

    ja: Clauses
    en: Clauses | None = None


class TextBody(ResponseModel):
    """The text that new invitations show."""

    service_id: UUID
    #: Goes up with each text; 0: the template of ours, which your lawyers have not seen.
    version: int
    #: What an application says under 文面版.
    text_version: str
    template: bool
    ja: list[ClauseBody]
    en: list[ClauseBody] | None
    created_at: datetime | None


@operation(
    "PUT",
    "/v1/services/{service_id}/consent-text",
    operation_id="put_consent_text",
    request=TextRequest,
    response=TextBody,
    scope="services:write",
    writes=True,
    max_body=256 * 1024,
    summary_en="What this service's customers read before they consent; a text without a required item"
    " is refused",
    summary_ja="同意画面の説明文を登録する(必須の説明項目が欠けている文面は受け付けない)",
)
async def put_text(request: web.Request, body: TextRequest) -> TextBody:
    japanese = _clauses(body.ja)
    english = None if body.en is None else _clauses(body.en)
    _require_whole(japanese, "ja")
    if english is not None:
        _require_whole(english, "en")
    service_id = path_uuid(request, "service_id")
    institution_id = principal_of(request).institution_id
    now = request.config_dict[CLOCK].now()
    async with tenant(request.config_dict[POOL], institution_id) as connection:
        if not await text_store.service_exists(connection, service_id):
            raise not_found()
        before = await text_store.newest(connection, service_id)
        if before is not None and (before[0].ja, before[0].en) == (japanese, english):
            return _body(service_id, *before)
        added = Explanation(1 if before is None else before[0].version + 1, japanese, english)
        if not await text_store.insert(connection, institution_id, service_id, added, now):
            raise _changed_meanwhile()
    return _body(service_id, added, now)


@operation(
    "GET",
    "/v1/services/{service_id}/consent-text",
    operation_id="get_consent_text",
    request=None,
    response=TextBody,
    scope="consents:read",
    summary_en="The text that new invitations of this service show and new applications name",
    summary_ja="同意画面の説明文を取得する",
)
async def get_text(request: web.Request) -> TextBody:
    service_id = path_uuid(request, "service_id")
    async with tenant(request.config_dict[POOL], principal_of(request).institution_id) as connection:
        if not await text_store.service_exists(connection, service_id):
            raise not_found()
        found = await text_store.newest(connection, service_id)
    return _body(service_id, TEMPLATE, None) if found is None else _body(service_id, *found)


def _clauses(bodies: list[ClauseBody]) -> tuple[Clause, ...]:
    return tuple(
        sorted(
            (Clause(body.number, body.heading, body.text) for body in bodies),
            key=lambda clause: clause.number,
        )
    )


def _require_whole(clauses: tuple[Clause, ...], language: str) -> None:
    numbers = missing(clauses)
    if numbers:
        listed = ", ".join(map(str, numbers))
        raise Problem(
            422,
            "CONSENT_TEXT_INCOMPLETE",
            en=f"Required explanations are missing in {language}: {listed}; send the whole text with them.",
            ja=f"必須の説明項目が欠けています({language}): {listed}。すべて含めて送ってください。",
            extra={"missing": list(numbers), "language": language},
        )


def _body(service_id: UUID, explanation: Explanation, created_at: datetime | None) -> TextBody:
    return TextBody(
        service_id=service_id,
        version=explanation.version,
        text_version=explanation.text_version,
        template=explanation.is_template,
        ja=_bodies(explanation.ja),
        en=None if explanation.en is None else _bodies(explanation.en),
        created_at=created_at,
    )


def _bodies(clauses: tuple[Clause, ...]) -> list[ClauseBody]:
    return [ClauseBody(number=one.number, heading=one.heading, text=one.text) for one in clauses]


def _changed_meanwhile() -> Problem:
    return Problem(
        409,
        "CONSENT_TEXT_CHANGED_MEANWHILE",
        en="Another text was stored at the same moment; read it, and send yours again.",
        ja="同時に別の文面が登録されました。内容を確認し、もう一度送ってください。",
    )
