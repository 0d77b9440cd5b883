"""The OpenAPI 3.1 document, made from the declarations that also make the router; committed.

``python -m platform_api.openapi --write`` writes it anew.
"""

from __future__ import annotations

import argparse
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from platform_api.operations import REFERENCE_PATTERN, Operation

FILE: Final = Path(__file__).with_name("openapi.json")
_VERSION: Final = "1.0.0"
_Definitions = dict[tuple[type[BaseModel], str], dict[str, Any]]
_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}

_PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457 problem details. `code` is stable; treat codes you do not know by `status`.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string", "description": "Japanese or English by Accept-Language."},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code"],
                "properties": {
                    "pointer": {"type": "string", "description": "RFC 6901, into the body or the query."},
                    "code": {"type": "string"},
                    "expected": {"type": "string"},
                },
            },
        },
        "ids": {
            "type": "object",
            "description": "Ids by their names; of a list, those of each one in its order.",
            "additionalProperties": {
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]
            },
        },
    },
}


def document(
    operations: tuple[Operation, ...], *, other_paths: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The whole document."""
    models = sorted(_models(operations), key=lambda pair: (pair[0].__name__, pair[1]))
    found, schemas = models_json_schema(
        models,
        ref_template="#/components/schemas/{model}",
    )
    definitions: _Definitions = {(model, mode): found[model, mode] for model, mode in models}
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, definitions)
    for path, item in (other_paths or {}).items():
        paths.setdefault(path, {}).update(item)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "JPKI certificate status and four-information service",
            "version": _VERSION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Times are RFC 3339 in UTC. Serial numbers are hexadecimal strings. "
            "Every refusal is application/problem+json.",
        },
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted((schemas.get("$defs", {}) | {"Problem": _PROBLEM_SCHEMA}).items())),
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "jpk_test_… or jpk_live_…"}
            },
        },
    }


def _models(operations: tuple[Operation, ...]) -> set[tuple[type[BaseModel], Any]]:
    models: set[tuple[type[BaseModel], Any]] = set()
    for operation in operations:
        models |= {(model, "validation") for model in (operation.request, operation.query) if model}
        models.add((operation.response, "serialization"))
    return models


def _operation(operation: Operation, definitions: _Definitions) -> dict[str, Any]:
    item: dict[str, Any] = {
        "operationId": operation.operation_id,
        "summary": operation.summary_en,
        "description": operation.summary_ja,
        "parameters": _parameters(operation),
        "responses": _responses(operation, definitions),
    }
    if operation.request is not None:
        item["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": definitions[operation.request, "validation"]}},
        }
    if operation.scope is not None:
        item["security"] = [{"apiKey": []}]
        item["x-scope"] = operation.scope
    return item


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(name)}
        for name in operation.path_parameters
    ]
    if operation.query is not None:
        schema = operation.query.model_json_schema()
        for name, content in schema.get("properties", {}).items():
            parameters.append(
                {
                    "name": name,
                    "in": "query",
                    "required": name in schema.get("required", ()),
                    "schema": {key: value for key, value in content.items() if key != "title"},
                }
            )
    if operation.writes:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key and request again gives the first answer, for 24 hours.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
            }
        )
    return parameters


def _path_schema(name: str) -> dict[str, str]:
    if name.endswith("_id"):
        return {"type": "string", "format": "uuid"}
    return {"type": "string", "pattern": REFERENCE_PATTERN}


def _responses(operation: Operation, definitions: _Definitions) -> dict[str, Any]:
    good = {
        "description": operation.summary_en,
        "content": {"application/json": {"schema": definitions[operation.response, "serialization"]}},
    }
    responses: dict[str, Any] = {
        str(status): good for status in (operation.status, *operation.other_statuses)
    }
    refusals = {400, 500, 503}
    if operation.scope is not None:
        refusals |= {401, 403}
    if operation.path_parameters:
        refusals.add(404)
    if operation.request is not None:
        refusals |= {408, 413, 415, 422}
    if operation.query is not None:
        refusals.add(422)
    if operation.writes:
        refusals |= {409, 422}
    if operation.transient_response:
        refusals.add(410)
    for status in sorted(refusals - {int(known) for known in responses}):
        responses[str(status)] = {
            "description": "Refused",
            "content": {"application/problem+json": {"schema": _PROBLEM}},
        }
    responses["default"] = {
        "description": "Refused",
        "content": {"application/problem+json": {"schema": _PROBLEM}},
    }
    return responses


def octets_of(content: dict[str, Any]) -> bytes:
    """As it is committed and served: indented, one end of line."""
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


@lru_cache(maxsize=1)
def generate() -> bytes:
    """The document of everything that ``routes`` mounts."""
    from platform_api.routes import all_operations, other_paths

    return octets_of(document(all_operations(), other_paths=other_paths()))


async def get_openapi(_request: web.Request) -> web.Response:
    """The document."""
    return web.Response(
        body=generate(), content_type="application/json", headers={"Cache-Control": "no-cache"}
    )


def openapi_paths() -> dict[str, Any]:
    """Routes of the base that are not JSON operations."""

    def text(summary: str, operation_id: str, media_type: str) -> dict[str, Any]:
        content = {media_type: {"schema": {"type": "string" if media_type == "text/plain" else "object"}}}
        return {
            "get": {
                "operationId": operation_id,
                "summary": summary,
                "responses": {"200": {"description": summary, "content": content}},
            }
        }

    return {
        "/metrics": text("Prometheus metrics", "getMetrics", "text/plain"),
        "/openapi.json": text("This document", "getOpenApi", "application/json"),
    }


def add_routes(app: web.Application) -> None:
    generate()  # once, before the first request: it takes some 30 ms
    app.router.add_get("/openapi.json", get_openapi)


def main() -> int:
    """Write or compare the committed file."""
    parser = argparse.ArgumentParser(prog="python -m platform_api.openapi", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name}; without it, only compare")
    write = parser.parse_args().write
    current = generate()
    if write:
        FILE.write_bytes(current)
        return 0
    return 0 if FILE.exists() and FILE.read_bytes() == current else 1


if __name__ == "__main__":
    raise SystemExit(main())
