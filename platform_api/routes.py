"""What the service serves: one list. A feature is a module of operations, of routes of its own, or both."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from aiohttp import web

from platform_api.endpoint import mount
from platform_api.keys import SETTINGS
from platform_api.operations import Operation, operations_of

MODULES: Final = (
    "platform_api.health",
    "platform_api.openapi",
    "platform_api.institutions.handlers",
    "platform_api.status.handlers",
    "platform_api.status.batch",
    "platform_api.registrations.handlers",
    "platform_api.consents.handlers",
    "platform_api.consents.handlers_ending",
    "platform_api.consents.handlers_reading",
    "platform_api.consents.handlers_service",
    "platform_api.invitations.handlers",
    "platform_api.invitations.text_handlers",
    "platform_api.invitations.letter_page",
    "platform_api.changes.handlers",
    "platform_api.four_information.handlers",
    "platform_api.four_information.handlers_batch",
    "platform_api.four_information.handlers_history",
    "platform_api.deliveries.handlers_keys",
    "platform_api.deliveries.handlers",
    "platform_api.refresh.handlers",
    "platform_api.ocsp.handlers",
    "platform_api.test_people.handlers",
)

#: Below it lies what exists on sandbox servers only.
SANDBOX_ONLY: Final = "/v1/test/"


def modules() -> tuple[ModuleType, ...]:
    """The modules of ``MODULES`` that exist, by name: no feature is imported for another's sake."""
    return tuple(
        importlib.import_module(name) for name in MODULES if importlib.util.find_spec(name) is not None
    )


def all_operations() -> tuple[Operation, ...]:
    """Every JSON operation of the service, for the router and the OpenAPI document alike."""
    return operations_of(*modules())


def other_paths() -> dict[str, Any]:
    """OpenAPI path items of routes that are no JSON operations, from the modules that declare some."""
    paths: dict[str, Any] = {}
    for module in modules():
        declare = getattr(module, "openapi_paths", None)
        if declare is not None:
            paths |= declare()
    return paths


def add_all(app: web.Application) -> None:
    """Mount everything."""
    sandbox = app[SETTINGS].mode == "sandbox"
    mount(app, tuple(op for op in all_operations() if sandbox or not op.path.startswith(SANDBOX_ONLY)))
    for module in modules():
        add_routes: Callable[[web.Application], None] | None = getattr(module, "add_routes", None)
        if add_routes is not None:
            add_routes(app)
