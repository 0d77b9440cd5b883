"""Reading what a caller sends: bounded in size and in time, strictly validated, never repeated back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from platform_api.problems import Problem

ModelT = TypeVar("ModelT", bound=BaseModel)

#: Bounds that we declared ourselves and may therefore repeat in an answer.
_OWN_BOUNDS: Final = ("expected", "pattern", "min_length", "max_length", "gt", "ge", "lt", "le")
_MOST_ERRORS: Final = 20


async def read_body(request: web.Request, *, limit: int, timeout_s: float) -> bytes:
    """The whole body; 413 above ``limit`` octets, 408 when it has not arrived in time.

    aiohttp bounds neither by itself: a stalled body would hold its connection for ever.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _encoded()
    if request.content_length is not None and request.content_length > limit:
        raise _too_large(limit)
    received = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.content.iter_any():
                received += chunk
                if len(received) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise _too_slow() from None
    return bytes(received)


def require_json(request: web.Request) -> None:
    """415 unless the body says that it is JSON."""
    if request.content_type != "application/json":
        raise Problem(
            415,
            "MEDIA_TYPE_NOT_JSON",
            en="Send the body as Content-Type: application/json.",
            ja="本文は Content-Type: application/json で送ってください。",
        )


def parse_body(model: type[ModelT], octets: bytes) -> ModelT:
    """The body as the operation's model; 400 when it is no JSON, 422 with places (never values) otherwise."""
    try:
        return model.model_validate_json(octets)
    except ValidationError as refused:
        raise _refusal(model, refused, what="body") from None


def parse_query(model: type[BaseModel] | None, request: web.Request) -> BaseModel | None:
    """The query parameters as the operation's model; one that is not declared, or given twice, is refused."""
    given = request.query
    if len(given) != len(set(given)):
        raise _query_refused("each parameter once", "同じパラメータは一度だけ指定してください。")
    if model is None:
        if given:
            raise _query_refused("no parameter", "この操作にクエリパラメータはありません。")
        return None
    try:
        return model.model_validate_strings(dict(given))
    except ValidationError as refused:
        raise _refusal(model, refused, what="query") from None


def _refusal(model: type[BaseModel], refused: ValidationError, *, what: str) -> Problem:
    details = refused.errors(include_input=False, include_url=False)
    if details[0]["type"] == "json_invalid":
        return Problem(
            400,
            "JSON_MALFORMED",
            en="The body is not one JSON object in UTF-8; send RFC 8259 JSON.",
            ja="本文がUTF-8のJSONオブジェクトではありません。",
        )
    known = _known_names(model)
    errors = [
        {"pointer": _pointer(detail["loc"], known), "code": detail["type"]} | _bound(detail.get("ctx", {}))
        for detail in details[:_MOST_ERRORS]
    ]
    return Problem(
        422,
        "VALIDATION_FAILED",
        en=f"The {what} is not as the OpenAPI document says; see errors for the places.",
        ja="リクエストの内容がOpenAPI文書の定義と異なります。errorsの各箇所を確認してください。",
        errors=errors,
    )


def _bound(context: Mapping[str, Any]) -> dict[str, str]:
    for name in _OWN_BOUNDS:
        if name in context:
            return {"expected": f"{name} {context[name]}" if name != "expected" else str(context[name])}
    return {}


def _pointer(location: tuple[int | str, ...], known: frozenset[str]) -> str:
    """A JSON pointer (RFC 6901) of names that we declared; a caller's own field name is not repeated."""
    parts = []
    for part in location:
        if isinstance(part, str) and part not in known:
            break
        parts.append(str(part))
    return "".join(f"/{part}" for part in parts)


@lru_cache(maxsize=256)
def _known_names(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(_property_names(model.model_json_schema()))


def _property_names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for value in schema.values():
            yield from _property_names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _property_names(value)


def _query_refused(expected: str, ja: str) -> Problem:
    return Problem(
        400, "QUERY_REFUSED", en=f"Expected {expected} in the query; see the OpenAPI document.", ja=ja
    )


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        "BODY_TOO_LARGE",
        en=f"The body is larger than {limit} octets; send less.",
        ja=f"本文が{limit}オクテットを超えています。",
        headers={"Connection": "close"},
    )


def _too_slow() -> Problem:
    return Problem(
        408,
        "BODY_TOO_SLOW",
        en="The body did not arrive in time; send it again.",
        ja="本文が時間内に届きませんでした。もう一度送ってください。",
        headers={"Connection": "close"},
    )


def _encoded() -> Problem:
    return Problem(
        415,
        "BODY_ENCODED",
        en="Send the body without Content-Encoding.",
        ja="Content-Encodingを付けずに送ってください。",
    )
