"""What ``make test-clients`` prints at its end: client by case, agreed, not applicable, or skipped."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import product

from tests.clients.cases import Case, Client, Kind, Status, Trust, every_case
from tests.clients.running import run

#: CA and trust mode.
_COLUMNS = tuple(product(Kind, Trust))
_AGREED = "agreed"


@dataclass
class Table:
    """Filled by the tests as they end."""

    #: By client: what became of each case that it can do.
    outcomes: dict[str, dict[Case, str]] = field(default_factory=lambda: defaultdict(dict))
    clients: dict[str, Client] = field(default_factory=dict)
    #: Clients that could not be had, and how to get them.
    skipped: dict[str, str] = field(default_factory=dict)

    def agreed(self, client: Client, case: Case) -> None:
        """Unless it was said already that it differs."""
        self.clients[client.name] = client
        self.outcomes[client.name].setdefault(case, _AGREED)

    def differs(self, client: Client, case: Case) -> None:
        self.clients[client.name] = client
        self.outcomes[client.name][case] = "DIFFERS"

    def skip(self, client: Client, why: str) -> None:
        self.clients[client.name] = client
        self.skipped[client.name] = why

    def lines(self) -> list[str]:
        """Empty where no client was asked for."""
        return [line for client in self.clients.values() for line in self._of(client)]

    def _of(self, client: Client) -> list[str]:
        outcomes = self.outcomes[client.name]
        against = Counter(why for case in every_case() if (why := client.reason_against(case)))
        counts = Counter(outcomes.values())
        rest = sum(1 for _ in every_case()) - counts.total() - against.total()
        counts["skipped" if client.name in self.skipped else "not run"] = rest
        counts["not applicable"] = against.total()
        said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        lines = ["", f"{client.name}{_version(client)}: {said}"]
        if client.name in self.skipped:
            lines.append(f"  SKIPPED: {self.skipped[client.name]}")
        if outcomes:
            lines.append("  " + " " * 21 + "".join(f"{f'{kind} {trust}':<18}" for kind, trust in _COLUMNS))
            lines += [
                f"  {shape:<21}" + "".join(f"{self._cell(client, shape, *column):<18}" for column in _COLUMNS)
                for shape in dict.fromkeys(case.shape for case in outcomes)
            ]
        lines += [f"  not applicable ({count}): {why}" for why, count in against.items()]
        if outcomes and not client.tells_hold:
            lines.append("  on hold: it says revoked; it tells no reason")
        return [line.rstrip() for line in lines]

    def _cell(self, client: Client, shape: str, kind: Kind, trust: Trust) -> str:
        """One word if all four statuses went the same way."""
        found = {
            case.status: outcome
            for case, outcome in self.outcomes[client.name].items()
            if (case.shape, case.kind, case.trust) == (shape, kind, trust)
        }
        if not found:
            return "-"
        if set(found.values()) == {_AGREED} and len(found) == len(Status):
            return "agreed on all 4"
        return " ".join(f"{status}:{found.get(status, 'not run')}" for status in Status)


def _version(client: Client) -> str:
    if not client.version or client.missing():
        return ""
    lines = run(*client.version).output.splitlines()
    words = " ".join(lines[0].split()[:3]) if lines else "?"
    return f" ({words})"
