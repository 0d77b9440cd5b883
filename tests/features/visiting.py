"""A customer with a browser that knows no JavaScript."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from platform_api.invitations.letter_request import COOKIE
from tests.features.cards import Card
from tests.features.inviting import FakeApp, Letter
from tests.features.letter_reading import Node, check_accessible, check_self_contained, read_page
from tests.features.service import Service


@dataclass
class Page:
    """An answer of the letter's page, checked for everything that every page must be."""

    status: int
    headers: Any
    text: str
    document: Node

    @property
    def title(self) -> str:
        return self.document.one("h1").text()

    @property
    def alert(self) -> str:
        found = [node for node in self.document.all("div") if node.attributes.get("role") == "alert"]
        return found[0].text() if found else ""


@dataclass
class Visitor:
    """Follows no redirects by himself; keeps the one cookie."""

    service: Service
    app: FakeApp
    cookie: str | None = None
    language: str = "ja"
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str) -> Page:
        async with self.service.client.get(path, allow_redirects=False, headers=self._sent(path)) as answer:
            return await self._page(answer)

    async def post(self, path: str, form: dict[str, str], **headers: str) -> Any:
        """A page, or where the browser is sent."""
        sent = self._sent(path) | {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.service.client.post(path, data=form, allow_redirects=False, headers=sent) as answer:
            if answer.status == 303:
                self._keep(answer)
                _check_headers(answer.headers)
                return answer.headers["Location"]
            return await self._page(answer)

    async def form(self, letter: Letter, which: str = "agreeing", **changes: str) -> dict[str, str]:
        page = await self.get(letter.path)
        form = page.document.one("form", id=which)
        fields = {
            node.attributes["name"]: node.attributes["value"]
            for node in form.all("input")
            if node.attributes["type"] == "hidden"
        }
        return fields | changes

    async def agree(self, letter: Letter, **changes: str) -> Any:
        form = await self.form(letter, **({"read": "yes"} | changes))
        return await self.post(f"{letter.path}/agree", form)

    async def leave(self, letter: Letter) -> str:
        """同意する, and off to the app; gives the state parameter of this way."""
        location = await self.agree(letter)
        assert isinstance(location, str), (location.status, location.alert)
        assert location.startswith(f"{self.app.origin}/sign?")
        return list(self.app.requests)[-1]

    async def come_back(self, **query: str) -> Page:
        """Back from the app, and on to where the service sends the browser."""
        path = f"/c/callback/{self.app.name}"
        async with self.service.client.get(
            path, params=query, allow_redirects=False, headers=self._sent(path)
        ) as answer:
            if answer.status != 303:
                return await self._page(answer)
            self._keep(answer)
            _check_headers(answer.headers)
            location = answer.headers["Location"]
        assert location.startswith("/c/"), location
        return await self.get(location)

    async def sign(self, letter: Letter, card: Card, **more: Any) -> Page:
        """The whole way."""
        state = await self.leave(letter)
        code = self.app.sign(state, card, **more)
        return await self.come_back(state=state, code=code)

    def _sent(self, path: str) -> dict[str, str]:
        sent = dict(self.headers)
        if self.cookie is not None and path.startswith("/c/callback/"):
            sent["Cookie"] = f"{COOKIE}={self.cookie}"
        return sent

    def _keep(self, answer: Any) -> None:
        # The client's own jar keeps nothing: public_url is https, the test's server is not.
        morsel = answer.cookies.get(COOKIE)
        if morsel is not None:
            assert (morsel["path"], morsel["samesite"]) == ("/c/callback", "Lax")
            assert morsel.value == "" or (morsel["httponly"] and morsel["secure"])
            self.cookie = morsel.value or None

    async def _page(self, answer: Any) -> Page:
        text = await answer.text()
        assert answer.content_type == "text/html", (answer.status, text)
        _check_headers(answer.headers)
        page = Page(answer.status, answer.headers, text, read_page(text))
        check_accessible(page.document, answer.headers["Content-Language"])
        check_self_contained(page.document)
        assert "built-in" not in text, "a method where a text was meant"
        return page


def _check_headers(headers: Any) -> None:
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers.get("Content-Security-Policy")
    if policy is not None:
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
        assert "unsafe" not in policy
        assert "*" not in policy
        for name in ("style-src", "script-src"):
            assert rules.get(name, "'sha256-").startswith("'sha256-")
