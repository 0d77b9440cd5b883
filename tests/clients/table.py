"""What ``make test-clients`` prints at its end: client by case, agreed, not applicable, or skipped."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.clients.cases import Case, Client, Status, every_case


@dataclass
class Table:
    """Filled by the tests as they end."""

    #: By client: what became of each case that it can do.
    outcomes: dict[str, dict[Case, str]] = field(default_factory=lambda: defaultdict(dict))
    clients: dict[str, Client] = field(default_factory=dict)
    #: Clients that are not on this machine, or tests of theirs that could not be run, and why.
    skipped: dict[str, str] = field(default_factory=dict)

    def record(self, client: Client, case: Case, outcome: str) -> None:
        self.clients[client.name] = client
        self.outcomes[client.name][case] = outcome

    def skip(self, client: Client, why: str) -> None:
        self.clients[client.name] = client
        self.skipped[client.name] = why

    def lines(self) -> list[str]:
        """Empty where no client ran."""
        return [line for client in self.clients.values() for line in self._of(client)]

    def _of(self, client: Client) -> list[str]:
        lines = [client.name]
        if client.name in self.skipped:
            lines.append(f"  SKIPPED: {self.skipped[client.name]}")
        rows: dict[tuple[str, str, str], dict[Status, str]] = defaultdict(dict)
        for case, outcome in self.outcomes[client.name].items():
            rows[case.shape, str(case.trust), str(case.kind)][case.status] = outcome
        for (shape, trust, kind), found in rows.items():
            said = "  ".join(f"{status}: {found[status]:<8}" for status in Status if status in found)
            lines.append(f"  {shape:<21} {trust:<10}{kind:<5} {said}".rstrip())
        reasons = Counter(why for case in every_case() if (why := client.reason_against(case)))
        lines += [f"  not applicable to {count} of 256 cases: {why}" for why, count in reasons.items()]
        if not client.tells_hold:
            lines.append("  on hold: agreed means that it says revoked; it tells no reason")
        return lines
