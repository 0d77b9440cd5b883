"""Each list failing in its own way, alone and all together: the others publish, the report says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from revocation.authorities import ListScope
from revocation.index.layout import ListPresence
from revocation.ingest import Outcome
from tests import pki
from tests.pki import T0, entry
from tests.revocation.nights import DAY, MINUTE, Night, thread


@dataclass(frozen=True)
class Fault:
    """A way for the first list of the second night to be wrong."""

    name: str
    code: str
    forge: Callable[[Night, ListScope], bytes | None]


_FAULTS = [
    Fault("bad signature", "SIGNATURE_INVALID", lambda n, s: n.der(s, 1, corrupt_signature=True)),
    Fault("foreign key", "SIGNATURE_INVALID", lambda n, s: n.der(s, 1, private=pki.key("rsa", 9))),
    Fault("stale", "NEXT_UPDATE_PASSED", lambda n, s: n.der(s, 1, next_update=T0 + DAY + MINUTE)),
    Fault("older", "CRL_NUMBER_ROLLBACK", lambda n, s: n.der(s, -1, next_update=T0 + 9 * DAY, number=0)),
    Fault("number reused", "CRL_NUMBER_REUSED", lambda n, s: n.der(s, 1, number=1)),
    Fault("going back in time", "THIS_UPDATE_ROLLBACK", lambda n, s: n.der(s, 0, number=5)),
    Fault("from the future", "THIS_UPDATE_IN_FUTURE", lambda n, s: n.der(s, 2, number=5)),
    Fault("exchanged", "SCOPE_MISMATCH", lambda n, s: n.der(s, 1, distribution_point=pki.point(2))),
    Fault("critical", "UNKNOWN_CRITICAL_EXTENSION",
          lambda n, s: n.der(s, 1, extra_extensions=[pki.extension("1.2.3", b"", critical=True)])),
    Fault("truncated", "DER_TRUNCATED", lambda n, s: n.der(s, 1)[:-7]),
    Fault("web page", "LIST_IS_HTML", lambda n, s: b"<html>502 Bad Gateway</html>"),
    Fault("empty", "LIST_IS_EMPTY", lambda n, s: b""),
    Fault("missing", "FETCH_UNREACHABLE", lambda n, s: None),
]  # fmt: skip


@pytest.mark.parametrize("fault", _FAULTS, ids=lambda fault: fault.name)
async def test_one_bad_list_stops_only_itself(night: Night, fault: Fault) -> None:
    """Its partition is carried over with what it listed, the report names it, the others publish."""
    first, second = night.scopes[:2]
    await thread(night.serve, 0, {first: [entry(7, reason=3)]})
    await night.run()
    await thread(night.serve, 1, {first: [entry(7, reason=3), entry(8)], second: [entry(100)]})

    def break_it() -> None:
        forged = fault.forge(night, first)
        if forged is None:
            night.file(first).unlink()
        else:
            night.file(first).write_bytes(forged)

    await thread(break_it)
    report = await night.run()
    assert report.outcome is Outcome.PARTIAL
    assert report.refusals == ((str(first), fault.code),)
    assert (report.set_seq, report.lists_accepted, report.lists_carried) == (2, 3, 1)
    snapshot = await thread(night.store.current)
    assert snapshot.partial
    state = snapshot.lists[first]
    assert (state.state, state.crl_number, state.this_update) == (ListPresence.CARRIED, 1, T0)
    assert snapshot.lookup(first.lineage, b"\x07") is not None
    assert snapshot.lookup(first.lineage, b"\x08") is None
    assert snapshot.lookup(second.lineage, b"\x64") is not None

    # The late list arrives: a complete set, with nothing refused.
    late = night.der(first, 1, [entry(7, reason=3), entry(8)])
    await thread(night.file(first).write_bytes, late)
    report = await night.run()
    assert (report.outcome, report.set_seq, report.refusals) == (Outcome.PUBLISHED, 3, ())
    snapshot = await thread(night.store.current)
    assert not snapshot.partial
    assert snapshot.lookup(first.lineage, b"\x08") is not None


@pytest.mark.parametrize(
    ("content", "outcome"),
    [(b"garbage", Outcome.REFUSED), (None, Outcome.UPSTREAM_DOWN)],
)
async def test_a_night_in_which_everything_fails(
    night: Night, content: bytes | None, outcome: Outcome
) -> None:
    """Nothing is published, yesterday's set stays, the outcome says who failed; on a first night too."""

    def break_all() -> None:
        for scope in night.scopes:
            if content is None:
                night.file(scope).unlink(missing_ok=True)
            else:
                night.file(scope).write_bytes(content)

    await thread(break_all)
    report = await night.run()
    assert (report.outcome, report.set_seq, report.lists_absent, report.entries) == (outcome, None, 4, 0)
    assert await thread(night.store.current) is None

    await thread(night.serve, 0, {night.scopes[0]: [entry(7)]})
    await night.run()
    await thread(break_all)
    report = await night.run()
    assert (report.outcome, report.set_seq, len(report.refusals)) == (outcome, None, 4)
    assert (report.lists_carried, report.entries) == (4, 1)
    assert (await thread(night.store.current)).seq == 1
