"""The OpenAPI document is made from what is mounted, is valid, and is the one that is committed."""

from __future__ import annotations

import orjson
from openapi_spec_validator import OpenAPIV31SpecValidator

from platform_api.openapi import FILE, document, generate
from platform_api.operations import operations_of
from platform_api.routes import all_operations
from tests.base import sample_operations


def test_the_committed_document_is_the_generated_one() -> None:
    """Run ``python -m platform_api.openapi --write`` after a change of an operation, and look at the
    difference.
    """
    assert FILE.read_bytes() == generate()


def test_the_document_is_valid_openapi() -> None:
    """OpenAPI 3.1, by an independent validator; also with every feature of the registry in use."""
    assert list(OpenAPIV31SpecValidator(orjson.loads(generate())).iter_errors()) == []
    sample = orjson.loads(orjson.dumps(document(operations_of(sample_operations))))
    assert list(OpenAPIV31SpecValidator(sample).iter_errors()) == []


def test_every_operation_is_documented_in_both_languages() -> None:
    """Each operation has an id of its own, an English summary, a Japanese one, and refusals."""
    described = orjson.loads(generate())["paths"]
    for operation in all_operations():
        item = described[operation.path][operation.method.lower()]
        assert item["operationId"] == operation.operation_id
        assert item["summary"].isascii()
        assert not item["description"].isascii()
        assert "application/problem+json" in item["responses"]["default"]["content"]
        assert ("security" in item) == (operation.scope is not None)


def test_every_scope_is_one_that_a_key_can_have() -> None:
    """An operation that asks for an unknown scope could never be called."""
    from platform_api.institutions.administration import ALL_SCOPES

    assert {operation.scope for operation in all_operations()} - {None} <= ALL_SCOPES


def test_requests_are_strict_and_serials_are_strings() -> None:
    """No request body takes unknown fields; nothing called serial_number is a JSON number."""
    schemas = orjson.loads(generate())["components"]["schemas"]
    for operation in all_operations():
        for model in (operation.request, operation.query):
            if model is not None:
                assert model.model_config.get("extra") == "forbid", model
                assert model.model_config.get("strict") is True, model
                assert model.model_config.get("hide_input_in_errors") is True, model
    for schema in schemas.values():
        for name, content in schema.get("properties", {}).items():
            if name == "serial_number":
                assert "integer" not in str(content)
