"""What may be done to the authorities, as a pure function; each refusal by its code."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from revocation.authorities import Authorities, Authority, Partition
from revocation.authority_acts import (
    Act,
    AddAuthority,
    AddGenerations,
    ClosePartitions,
    OpenPartitions,
    ReopenPartition,
    SetPolicy,
    SetTolerance,
    done,
    keys_added,
    summary_of,
)
from revocation.authority_rows import pem_of, row_of, row_of_partition
from revocation.errors import InputRefused
from tests import pki
from tests.revocation.acting import TODAY, authority_of, founding, partition, small_ca

CA = "card-sign"
OLD = authority_of(partition(1), partition(4))


def after(act: Act, upon: Authority = OLD) -> Authority:
    (made,) = done(act, Authorities([upon]))
    return made


def opening(*partitions: Partition) -> OpenPartitions:
    return OpenPartitions(ca_id=CA, partitions=[row_of_partition(replace(p, number=0)) for p in partitions])


def adding(*generations: int, algorithms: list[str] | None = None) -> AddGenerations:
    certificates = small_ca(4).certificates
    pems = [pem_of(certificates[number]) for number in generations]
    return AddGenerations(ca_id=CA, certificates=pems, signature_algorithms=algorithms or [])


def closing(*numbers: int, successor: int | None = None, closed: date = TODAY) -> ClosePartitions:
    return ClosePartitions(
        ca_id=CA, numbers=list(numbers), successor=successor, closed=closed, none_left=successor is None
    )


def test_a_ca_is_added_whole() -> None:
    """As its row says; with no CA before it and with another one."""
    assert done(founding(*OLD.partitions), Authorities(())) == (OLD,)
    other = pki.make_ca((("C", "JP"), ("O", "Other")), kind="p384").authority("other")
    assert done(founding(*OLD.partitions), Authorities([other])) == (other, OLD)


def test_new_partitions_get_numbers_above_every_number() -> None:
    """Not the gap between 1 and 4, whose numbers may have meant something."""
    made = after(opening(partition(7, opened=TODAY), partition(8)))
    assert [(p.number, p.distribution_point) for p in made.partitions[2:]] == [
        (5, pki.point(7)),
        (6, pki.point(8)),
    ]
    assert [p.opened for p in made.partitions[2:]] == [TODAY, None]
    assert made.partitions[:2] == OLD.partitions


def test_several_partitions_close_into_one() -> None:
    """One act, one day, one successor; opened again, they are as before."""
    three = replace(OLD, partitions=(*OLD.partitions, partition(5)))
    made = after(closing(1, 4, successor=5), three)
    assert [(p.closed, p.successor) for p in made.partitions] == [(TODAY, 5), (TODAY, 5), (None, None)]
    again = after(ReopenPartition(ca_id=CA, number=4), made)
    assert [(p.closed, p.successor) for p in again.partitions] == [(TODAY, 5), (None, None), (None, None)]


def test_new_keys_come_with_what_they_sign_with() -> None:
    """The allow-list grows and keeps what it had; the oldest key is g1 wherever it comes from."""
    made = after(adding(2, 3, algorithms=["Ed25519"]))
    assert [g.key_id for g in made.generations] == [g.key_id for g in small_ca(4).generations]
    assert made.signature_algorithms == OLD.signature_algorithms | {"Ed25519"}
    assert replace(made, generations=OLD.generations, signature_algorithms=OLD.signature_algorithms) == OLD


def test_a_tolerance_goes_on_and_off() -> None:
    """One of several; the others stay."""
    on = after(SetTolerance(ca_id=CA, tolerance="explicit_default", on=True))
    both = after(SetTolerance(ca_id=CA, tolerance="missing_crl_number", on=True), on)
    assert both.tolerances == {"explicit_default", "missing_crl_number"}
    off = after(SetTolerance(ca_id=CA, tolerance="explicit_default", on=False), both)
    assert off.tolerances == {"missing_crl_number"}


@pytest.mark.parametrize(
    ("field", "given", "held"),
    [
        ("serial_ceiling", "0AbC", 0xABC),
        ("hold_releasable", True, True),
        ("purpose_limited", False, False),
        ("signature_algorithms", ["Ed25519"], frozenset({"Ed25519"})),
        ("kinds", {"1.2.3": "mobile-sign"}, {**OLD.kinds, "1.2.3": "mobile-sign"}),
    ],
)
def test_policy_is_set_field_by_field(field: str, given: Any, held: Any) -> None:
    """What is not named stays."""
    made = after(SetPolicy(ca_id=CA, **{field: given}))
    assert getattr(made, field) == held
    assert replace(made, **{field: getattr(OLD, field)}) == OLD
    assert field in summary_of(SetPolicy(ca_id=CA, **{field: given}))


def _damaged_signature() -> AddGenerations:
    """A certificate of the same CA whose own signature does not stand under it."""
    import base64

    from cryptography.hazmat.primitives.serialization import Encoding

    der = bytearray(small_ca(3).certificates[2].public_bytes(Encoding.DER))
    der[-1] ^= 1
    text = base64.encodebytes(bytes(der)).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"
    return AddGenerations(ca_id=CA, certificates=[pem], signature_algorithms=[])


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (founding(), "CA_ID_TAKEN"),
        (AddAuthority(authority=row_of(replace(OLD, ca_id="again"))), "CA_NAME_TAKEN"),
        (closing(1).model_copy(update={"ca_id": "nobody"}), "CA_UNKNOWN"),
        (adding(1), "KEY_KNOWN"),
        (adding(2, 1), "KEY_KNOWN"),
        (_damaged_signature(), "CA_CERTIFICATE_REFUSED"),
        (opening(partition(4)), "PARTITION_KNOWN"),
        (OpenPartitions(ca_id=CA, partitions=[row_of_partition(partition(7))]), "ACT_MALFORMED"),
        (opening(replace(partition(7), closed=TODAY)), "ACT_MALFORMED"),
        (closing(2), "PARTITION_UNKNOWN"),
        (closing(1, successor=9), "AUTHORITY_MALFORMED"),
        (closing(1, 4, successor=4), "AUTHORITY_MALFORMED"),
        (ReopenPartition(ca_id=CA, number=1), "ACT_CHANGES_NOTHING"),
        (ReopenPartition(ca_id=CA, number=2), "PARTITION_UNKNOWN"),
        (SetTolerance(ca_id=CA, tolerance="explicit_default", on=False), "ACT_CHANGES_NOTHING"),
        (SetPolicy(ca_id=CA), "ACT_CHANGES_NOTHING"),
        (SetPolicy(ca_id=CA, serial_ceiling="no hex"), "SERIAL_MALFORMED"),
        (SetPolicy(ca_id=CA, signature_algorithms=[]), "AUTHORITY_MALFORMED"),
        (SetPolicy(ca_id=CA, kinds={"not an oid": "card-sign"}), "AUTHORITY_MALFORMED"),
    ],
)
def test_what_cannot_be_done_is_refused(act: Act, code: str) -> None:
    """Whole, with a stable code and the remedy."""
    with pytest.raises(InputRefused) as refused:
        done(act, Authorities([OLD]))
    assert refused.value.code == code
    assert refused.value.expected
    assert refused.value.got
    assert refused.value.remedy


def test_a_closed_partition_is_not_closed_again() -> None:
    """Another day or successor for it would change what it stood for in the meantime."""
    closed = after(closing(1))
    with pytest.raises(InputRefused) as refused:
        after(closing(1, successor=4), closed)
    assert refused.value.code == "PARTITION_CLOSED"


def test_numbers_run_out_in_a_refusal() -> None:
    """Above 65535 there is none, and none is taken twice."""
    full = replace(OLD, partitions=(partition(1), replace(partition(2), number=0xFFFF)))
    with pytest.raises(InputRefused, match="1 to 65535"):
        after(opening(partition(7)), full)


def test_the_summary_says_what_a_second_person_must_know() -> None:
    """Fingerprints whole; numbers, days, successor; a long list is cut and says so."""
    hashes = [generation.certificate_sha256.hex() for generation in OLD.generations]
    assert all(digest in summary_of(founding(*OLD.partitions)) for digest in hashes)
    assert [g.certificate_sha256 for g in keys_added(founding())] == [
        g.certificate_sha256 for g in OLD.generations
    ]
    added = adding(2, 3)
    assert all(g.certificate_sha256.hex() in summary_of(added) for g in keys_added(added))
    assert keys_added(closing(1)) == ()
    assert summary_of(closing(1, 4, successor=5)) == "close partitions 1, 4 on 2026-11-20, into 5"
    assert summary_of(closing(1)).endswith("without a successor: no valid certificate of it is left")
    many = opening(*(partition(n, opened=TODAY) for n in range(1, 8)))
    assert summary_of(many).startswith(
        "open 7 partitions (City-1, City-2, City-3, City-4, City-5 and 2 more)"
    )
    assert summary_of(many).endswith("on 2026-11-20")
    assert summary_of(ReopenPartition(ca_id=CA, number=4)) == "open partition 4 again"
    off = SetTolerance(ca_id=CA, tolerance="explicit_default", on=False)
    assert summary_of(off) == "switch tolerance explicit_default off"
    long = SetPolicy(ca_id=CA, kinds={f"1.2.{n}": "card-sign" for n in range(200)})
    assert len(summary_of(long)) == 1000


def test_a_closing_says_who_speaks_then_or_that_nobody_is_left() -> None:
    """Neither said is no slip that passes; both contradict each other."""
    for act in (
        closing(1).model_copy(update={"none_left": False}),
        closing(1, successor=4).model_copy(update={"none_left": True}),
    ):
        with pytest.raises(InputRefused, match="--none-left") as refused:
            after(act)
        assert refused.value.code == "SUCCESSOR_REQUIRED"
