"""Fixtures: the CAs, the responders with a relay before each, and the table at the end."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.clients.cases import Case, Client, Kind, Trust
from tests.clients.certificates import Folder, write_folder
from tests.clients.observed import Exchange
from tests.clients.relay import Relay
from tests.clients.responder import start_responder
from tests.clients.table import Table

_TABLE = pytest.StashKey[Table]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLE] = Table()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: a client that is not here is skipped, saying what is missing and how to get it."""
    client = getattr(getattr(item, "module", None), "CLIENT", None)
    if isinstance(client, Client) and (missing := client.missing()):
        pytest.skip(missing)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test of a client's case goes into the table as it ended."""
    report = yield
    client = getattr(getattr(item, "module", None), "CLIENT", None)
    case = item.callspec.params.get("case") if hasattr(item, "callspec") else None
    if isinstance(client, Client) and isinstance(case, Case):
        table = item.config.stash[_TABLE]
        if report.skipped:
            assert isinstance(report.longrepr, tuple)
            table.skip(client, report.longrepr[2].removeprefix("Skipped: "))
        elif report.failed:
            table.differs(client, case)
            responders = getattr(item, "funcargs", {}).get("responders")
            if isinstance(responders, Responders):
                report.sections.append(("what went over the wire", responders.said(case)))
        elif report.when == "call":
            table.agreed(client, case)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash[_TABLE].lines()
    if lines:
        terminalreporter.section("clients")
        for line in lines:
            terminalreporter.write_line(line)


@dataclass(frozen=True)
class Responders:
    """Both CAs, each with a responder in each mode, and what went through to them."""

    folders: dict[Kind, Folder]
    relays: dict[tuple[Kind, Trust], Relay]
    #: What the running test has taken.
    seen: list[Exchange] = field(default_factory=list)

    def url(self, case: Case) -> str:
        return f"http://127.0.0.1:{self.relays[case.kind, case.trust].port}/ocsp"

    def folder(self, case: Case) -> Folder:
        return self.folders[case.kind]

    def leaf(self, case: Case) -> Path:
        return self.folders[case.kind].leaf(case.status, case.trust)

    def taken(self, case: Case) -> list[Exchange]:
        """Since the last call, at this case's responder."""
        found = self.relays[case.kind, case.trust].taken()
        self.seen.extend(found)
        return found

    def said(self, case: Case) -> str:
        """Everything of this test, in hex, for whoever must understand a disagreement."""
        self.taken(case)
        return "\n".join(exchange.describe() for exchange in self.seen) or "nothing"

    def check_sent(self, case: Case, *, then: str | None = None) -> None:
        """Exactly one request since the last call, of this case's shape, and answered as it must be.

        ``then`` is the method by which the client asks the same once more, where it does.
        """
        found = self.taken(case)
        shapes = [case] if then is None else [case, replace(case, method=then)]
        assert len(found) == len(shapes), [each.describe() for each in found]
        for exchange, shape in zip(found, shapes, strict=True):
            exchange.check(shape)


@pytest.fixture(scope="session")
def responders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Responders]:
    root = tmp_path_factory.mktemp("clients")
    with ExitStack() as stack:
        relays = {(kind, trust): stack.enter_context(Relay()) for kind in Kind for trust in Trust}
        folders = {}
        for kind in Kind:
            urls = {trust: f"http://127.0.0.1:{relays[kind, trust].port}/ocsp" for trust in Trust}
            folders[kind] = write_folder(root / kind, kind, urls)
        for (kind, trust), relay in relays.items():
            relay.target = stack.enter_context(start_responder(folders[kind], trust))
        yield Responders(folders, relays)


@pytest.fixture(autouse=True)
def nothing_before(request: pytest.FixtureRequest) -> None:
    """What an earlier test sent is not this one's."""
    if "responders" in request.fixturenames:
        responders: Responders = request.getfixturevalue("responders")
        responders.seen.clear()
        for relay in responders.relays.values():
            relay.taken()
