"""OCSP answers against a plain table in small worlds: two lists, a few serials, certificates, a clock."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import ocsp as asn1_ocsp
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.answers import AfterNextUpdate
from revocation.clock import FixedClock
from revocation.ocsp.policy import NotIssued, ResponderPolicy
from revocation.ocsp.responder import OcspAnswer, Responder, TrustMode
from revocation.ocsp.signing import DelegatedSigners, LocallyTrustedSigner
from revocation.snapshot.current import Snapshot
from tests import pki
from tests.revocation.ocsp_world import cert_id, request
from tests.revocation.sets import DAY, T0, accepted, ca, record, scope, store, world
from tests.revocation.signer_certificates import certificate

HOUR = timedelta(hours=1)
CEILING = 6
#: Octets of the DER INTEGER; above the ceiling, zero and negative nobody was issued.
SERIALS = [b"\x01", b"\x02", b"\x03", b"\x04", b"\x05", b"\x06", b"\x07", b"\x00", b"\xff", b"\x00\xff"]
NAMES = {
    0: "unspecified",
    1: "key_compromise",
    2: "ca_compromise",
    3: "affiliation_changed",
    4: "superseded",
    5: "cessation_of_operation",
    6: "certificate_hold",
    9: "privilege_withdrawn",
    10: "aa_compromise",
}
KEY = pki.key("p256", 60)

#: What is said: "good", or ("revoked", when, why), or "unknown"; then thisUpdate and nextUpdate. Or an error.
Said = tuple[Any, datetime, datetime] | str


@dataclass(frozen=True)
class Facts:
    """One list: from when to when, and what it lists."""

    start: datetime
    end: datetime
    entries: dict[bytes, tuple[int, datetime]]

    def speaks(self, now: datetime) -> bool:
        return self.start <= now + timedelta(minutes=5) and now < self.end


@dataclass(frozen=True)
class Given:
    """A world."""

    lists: dict[int, Facts]
    certificates: list[tuple[datetime, datetime]]
    now: datetime
    policy: ResponderPolicy
    mode: TrustMode


def listing(serials: list[bytes]) -> st.SearchStrategy[Facts]:
    """Serials of one partition, so that no serial stands on two lists."""
    reasons = st.sampled_from([*NAMES, 8, 7, 99, 0xFF])
    dates = st.sampled_from([T0 - DAY, datetime(1949, 12, 31, 23, 59, 59, tzinfo=UTC), T0 + 9 * DAY])
    return st.builds(
        lambda start, lives, entries: Facts(T0 + start * HOUR, T0 + (start + lives) * HOUR, entries),
        st.integers(-3, 3),
        st.integers(1, 12),
        st.dictionaries(st.sampled_from(serials), st.tuples(reasons, dates), max_size=4),
    )


WORLDS = st.builds(
    Given,
    st.fixed_dictionaries(
        {}, optional={1: listing([b"\x01", b"\x02", b"\xff"]), 2: listing([b"\x04", b"\x05", b"\x00\xff"])}
    ),
    st.lists(
        st.builds(
            lambda start, lives: (T0 + start * HOUR, T0 + (start + lives) * HOUR),
            st.integers(-12, 3),
            st.integers(1, 24),
        ),
        min_size=1,
        max_size=3,
    ),
    st.integers(-4 * 60, 14 * 60).map(lambda minutes: T0 + timedelta(minutes=minutes)),
    st.builds(
        ResponderPolicy,
        after_next_update=st.sampled_from(AfterNextUpdate),
        not_issued=st.sampled_from(NotIssued),
    ),
    st.sampled_from(TrustMode),
)


def table(given: Given, serial: bytes) -> Said:
    """Written from design 5 and RFC 6960 alone; shares nothing with the product."""
    not_in_force = "try_later" if given.policy.after_next_update == "try_later" else "unauthorized"
    naming = [each for each in given.lists.values() if serial in each.entries]
    speaking = naming or (list(given.lists.values()) if len(given.lists) == 2 else [])
    if not speaking or not all(each.speaks(given.now) for each in speaking):
        return not_in_force
    valid = [end for start, end in given.certificates if start <= given.now < end]
    if not valid:
        return "try_later"
    ends = min(each.end for each in speaking)
    value = int.from_bytes(serial, "big", signed=True)
    word: Any = "good"
    if naming:
        reason, date = naming[0].entries[serial]
        word = ("revoked", date, NAMES.get(reason))
    elif not 0 < value <= CEILING:
        word = "unknown"
        if given.policy.not_issued == "extended_revoke":
            word = ("revoked", datetime(1970, 1, 1, tzinfo=UTC), "certificate_hold")
    return word, min(each.start for each in speaking), ends


def read(answer: OcspAnswer) -> tuple[list[Said], Any]:
    """What the octets say, by asn1crypto; and the whole ResponseData."""
    told = asn1_ocsp.OCSPResponse.load(answer.der, strict=True)["response_bytes"]["response"].parsed[
        "tbs_response_data"
    ]
    said: list[Said] = []
    for each in told["responses"]:
        word: Any = each["cert_status"].name
        if word == "revoked":
            info = each["cert_status"].chosen
            word = (word, info["revocation_time"].native, info["revocation_reason"].native)
        said.append((word, each["this_update"].native, each["next_update"].native))
    return said, told


def responder_of(given: Given, authorities: Any, clock: FixedClock) -> Responder:
    """Begun while its first certificate is valid, as it must be; then the clock is the world's."""
    issuer = None if given.mode is TrustMode.LOCAL else ca().generations[0]
    pairs = [
        (certificate(KEY, issuer, start=start, life=end - start), KEY) for start, end in given.certificates
    ]
    clock.set(given.certificates[0][0])
    signer = (
        LocallyTrustedSigner(*pairs[0], *pairs[1:])
        if given.mode is TrustMode.LOCAL
        else DelegatedSigners({authorities_key(authorities): pairs})
    )
    responder = Responder(authorities, {given.mode: signer}, clock, policy=given.policy)
    clock.set(given.now)
    return responder


def authorities_key(authorities: Any) -> bytes:
    (authority,) = authorities
    return bytes(authority.generations[0].key_id)


def set_of(given: Given, authorities: Any, authority: Any, folder: Path) -> Snapshot | None:
    if not given.lists:
        return None
    return store(folder).publish(
        {
            scope(authority, number): accepted(
                b"".join(record(serial, *word) for serial, word in facts.entries.items()),
                this_update=facts.start,
                lives=facts.end - facts.start,
            )
            for number, facts in given.lists.items()
        },
        authorities,
        now=T0 - 9 * HOUR,
    )


@settings(max_examples=120, deadline=None)
@given(WORLDS, st.lists(st.sampled_from(SERIALS), min_size=2, max_size=5))
def test_against_a_table(given: Given, together: list[bytes]) -> None:
    """Every serial alone, and several together: the word, the times, the reason, or the error, and who signs.

    The signer's end bounds nextUpdate; of several certificates any that is valid may sign here (which of
    them is ``test_ocsp_rotation.py``'s).
    """
    clock = FixedClock(given.now)
    authorities, authority = world(serial_ceiling=CEILING)
    with tempfile.TemporaryDirectory() as folder:
        snapshot = set_of(given, authorities, authority, Path(folder))
        responder = responder_of(given, authorities, clock)
        expected = {serial: table(given, serial) for serial in SERIALS}
        for serial in SERIALS:
            check(
                responder.respond(request(cert_id(serial)), snapshot, given.mode), [expected[serial]], given
            )
        asked = request(*map(cert_id, together))
        check(responder.respond(asked, snapshot, given.mode), [expected[each] for each in together], given)


def check(answer: OcspAnswer, expected: list[Said], given: Given) -> None:
    errors = [each for each in expected if isinstance(each, str)]
    if errors:
        assert answer.response_status == ("unauthorized" if "unauthorized" in errors else "try_later")
        assert (answer.cacheable, answer.next_update) == (False, None)
        return
    assert answer.response_status == "successful"
    said, told = read(answer)
    ends = {end for start, end in given.certificates if start <= given.now < end}
    bounds = [{min(each[2], end) for end in ends} for each in expected if not isinstance(each, str)]
    for got, wanted, bound in zip(said, expected, bounds, strict=True):
        assert got[:2] == wanted[:2]
        assert got[2] in bound
        assert isinstance(got, tuple)
        assert got[2] > given.now
    assert told["produced_at"].native == given.now
    extended = given.policy.not_issued == "extended_revoke" and any(
        isinstance(each[0], tuple) and each[0][1] == datetime(1970, 1, 1, tzinfo=UTC) for each in expected
    )
    oids = [each["extn_id"].dotted for each in told["response_extensions"]]
    assert oids == (["1.3.6.1.5.5.7.48.1.9"] if extended else [])
    assert answer.next_update == min(each[2] for each in said)
    assert answer.this_update == min(each[1] for each in said)
