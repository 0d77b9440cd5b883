"""The registry of JSON operations: router and OpenAPI document are made from the same declarations.

``@operation(...)`` turns a handler into an ``Operation``; a feature's ``handlers`` module is its own
registry, and ``operations_of`` reads it. There is no global list: what is not mounted is not documented.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final, TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from platform_api.institutions.model import Principal
from platform_api.keys import PRINCIPAL, QUERY
from platform_api.problems import not_found

DEFAULT_MAX_BODY: Final = 64 * 1024
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
#: Pseudonyms of institutions (design §9): registration_ref, customer_ref.
REFERENCE_PATTERN: Final = r"^[A-Za-z0-9_-]{1,64}$"
_REFERENCE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

QueryT = TypeVar("QueryT", bound=BaseModel)


class RequestModel(BaseModel):
    """Base of request bodies and queries: strict, nothing extra, input never shown in an error."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class ResponseModel(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response model with another status or headers than the operation's own."""

    body: BaseModel
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """An answer that is written already: the JSON of the operation's response model, too long for a model."""

    octets: bytes


Handler = Callable[..., Awaitable[BaseModel | Answer | Written]]
#: From the octets of a body to what the handler is given; raises ``Problem`` as ``parse_body`` does.
Reads = Callable[[bytes], Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One JSON operation: how it is reached, what it takes and gives, who may use it."""

    method: str
    path: str
    operation_id: str
    request: type[BaseModel] | None
    response: type[BaseModel]
    scope: str | None
    writes: bool
    transient_response: bool
    summary_en: str
    summary_ja: str
    query: type[BaseModel] | None
    status: int
    other_statuses: tuple[int, ...]
    max_body: int
    reads: Reads | None
    remembers_caller: bool
    handler: Handler

    async def __call__(self, *args: Any) -> BaseModel | Answer | Written:
        """The handler itself, so that a test may call it."""
        return await self.handler(*args)

    @property
    def path_parameters(self) -> tuple[str, ...]:
        return tuple(re.findall(r"\{(\w+)\}", self.path))


def operation(
    method: str,
    path: str,
    *,
    operation_id: str,
    request: type[BaseModel] | None,
    response: type[BaseModel],
    scope: str | None,
    summary_en: str,
    summary_ja: str,
    writes: bool = False,
    transient_response: bool = False,
    query: type[BaseModel] | None = None,
    status: int = 200,
    other_statuses: tuple[int, ...] = (),
    max_body: int = DEFAULT_MAX_BODY,
    reads: Reads | None = None,
    remembers_caller: bool = False,
) -> Callable[[Handler], Operation]:
    """Declare a handler: ``async def h(request, body)``, or ``h(request)`` when there is no request model.

    ``writes`` honours Idempotency-Key; with ``transient_response`` the body is never stored, and a replay
    answers 410 RESPONSE_NOT_KEPT with the ids that were kept. ``reads``: how a body is read that is too long
    for its model; it takes and refuses the same ones. ``remembers_caller``: who was known within the last
    ``caller_ttl_s`` is known, as with OCSP, without a question to the database in each request.
    """
    if transient_response and not writes:
        raise ValueError("expected writes=True with transient_response; only writes are replayed")

    def declare(handler: Handler) -> Operation:
        return Operation(
            method=method,
            path=path,
            operation_id=operation_id,
            request=request,
            response=response,
            scope=scope,
            writes=writes,
            transient_response=transient_response,
            summary_en=summary_en,
            summary_ja=summary_ja,
            query=query,
            status=status,
            other_statuses=other_statuses,
            max_body=max_body,
            reads=reads,
            remembers_caller=remembers_caller,
            handler=handler,
        )

    return declare


def operations_of(*modules: ModuleType) -> tuple[Operation, ...]:
    """All operations declared in these modules, in order of declaration."""
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Operation)]
    _refuse_twice([op.operation_id for op in found])
    _refuse_twice([f"{op.method} {op.path}" for op in found])
    return tuple(found)


def _refuse_twice(names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"expected each operation once, got twice: {', '.join(twice)}")


def principal_of(request: web.Request) -> Principal:
    """Who is asking; only for operations that have a scope."""
    principal: Principal = request[PRINCIPAL]
    return principal


def query_of(request: web.Request, model: type[QueryT]) -> QueryT:
    """The validated query parameters of an operation declared with ``query=model``."""
    value = request[QUERY]
    if not isinstance(value, model):
        raise TypeError(f"expected the operation to declare query={model.__name__}")
    return value


def path_uuid(request: web.Request, name: str) -> UUID:
    """A UUID in the path; anything else names nothing, hence 404."""
    text = request.match_info[name]
    if _UUID.fullmatch(text) is None:
        raise not_found()
    return UUID(text)


def path_reference(request: web.Request, name: str) -> str:
    """A pseudonym in the path (at most 64 of ``[A-Za-z0-9_-]``); anything else names nothing, hence 404."""
    text = request.match_info[name]
    if _REFERENCE.fullmatch(text) is None:
        raise not_found()
    return text
