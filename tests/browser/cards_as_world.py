"""The sandbox's own signing page over a handful of test cards: what it asks of a world, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from aiohttp import web

from platform_api.sandbox import holder_app, holder_page
from platform_api.sandbox.app import SANDBOX, refusals_as_json
from platform_api.sandbox.refusals import RequestRefused
from revocation.clock import FixedClock
from tests.features.cards import Card


@dataclass(frozen=True)
class Holder:
    """A person with some cards, by kind."""

    number: int
    cards: Mapping[str, Card]

    def valid(self, kind: str, _: datetime) -> Card | None:
        return self.cards.get(kind)


@dataclass(frozen=True)
class CardWorld:
    """What ``sign_with`` and the pairwise id ask a world for."""

    clock: FixedClock
    people: Mapping[str, Holder]

    @property
    def settings(self) -> Any:
        return SimpleNamespace(keys_sha256="00" * 32)

    @property
    def maker(self) -> Any:
        return SimpleNamespace(der=lambda card: card.der)

    def resident(self, resident_id: str) -> Holder:
        if resident_id not in self.people:
            raise RequestRefused(404, "NO_SUCH_RESIDENT", "expected one of the test's people")
        return self.people[resident_id]

    def sign(self, card: Card, data: bytes) -> tuple[bytes, str]:
        return card.sign(data), card.algorithm


def signing_app(world: CardWorld) -> web.Application:
    """The page and its API, as the sandbox mounts them."""
    app = web.Application(middlewares=[refusals_as_json])

    async def ask(question: Callable[..., Any], *arguments: Any) -> Any:
        return question(*arguments)

    app[SANDBOX] = SimpleNamespace(world=world, ask=ask)  # type: ignore[misc]
    holder_app.add_routes(app)
    holder_page.add_routes(app)
    return app
