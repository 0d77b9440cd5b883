"""What may be done to the authorities: each act as data, and as a pure function of what stood before.

Adding a CA or a key, opening and closing a partition, tolerances and policy are acts of two people
(design 5 and 7). Numbers of new partitions are given here: always above every number ever given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import Field

from revocation.authorities import (
    Authorities,
    Authority,
    Generation,
    Partition,
    SignatureAlgorithm,
    Tolerance,
)
from revocation.authority_certificates import authority_from_certificates, check_self_signature, generation_of
from revocation.authority_rows import (
    AuthorityRow,
    PartitionRow,
    Row,
    authority_from,
    certificates_from,
    partition_from,
)
from revocation.distinguished_names import same_name
from revocation.errors import InputRefused
from revocation.identity import issuer_key_of, serial_from_hex
from revocation.partitions import MAX_PARTITION_NUMBER
from revocation.recorded_acts import MAX_SUMMARY

#: What two people say who close a partition without a successor.
NONE_LEFT: Final = "without a successor: no valid certificate of it is left"


class AddAuthority(Row):
    """A new CA, whole."""

    kind: Literal["add_authority"] = "add_authority"
    authority: AuthorityRow

    @property
    def ca_id(self) -> str:
        return self.authority.ca_id


class AddGenerations(Row):
    """New keys of a known CA; allowed algorithms grow by what these keys sign with."""

    kind: Literal["add_generations"] = "add_generations"
    ca_id: str
    #: PEM.
    certificates: Annotated[list[str], Field(min_length=1, max_length=100)]
    signature_algorithms: list[str]


class OpenPartitions(Row):
    """New distribution points; the numbers in the rows are 0, and given when the act is done."""

    kind: Literal["open_partitions"] = "open_partitions"
    ca_id: str
    partitions: Annotated[list[PartitionRow], Field(min_length=1, max_length=MAX_PARTITION_NUMBER)]


class ClosePartitions(Row):
    """Municipalities that merge into one, or end."""

    kind: Literal["close_partitions"] = "close_partitions"
    ca_id: str
    numbers: Annotated[list[int], Field(min_length=1, max_length=MAX_PARTITION_NUMBER)]
    closed: date
    successor: int | None
    #: Without a successor nobody's list speaks for its certificates: said by two people, there are none.
    none_left: bool = False


class ReopenPartition(Row):
    """The undoing of a closing that was a mistake, or lies ahead: the same number, the same point."""

    kind: Literal["reopen_partition"] = "reopen_partition"
    ca_id: str
    number: int


class SetTolerance(Row):
    """A quirk of this CA's lists that is, or is no longer, let pass."""

    kind: Literal["set_tolerance"] = "set_tolerance"
    ca_id: str
    tolerance: Tolerance
    on: bool


class SetPolicy(Row):
    """What the operator knows of a CA; what is None stays."""

    kind: Literal["set_policy"] = "set_policy"
    ca_id: str
    #: Hexadecimal.
    serial_ceiling: str | None = None
    hold_releasable: bool | None = None
    purpose_limited: bool | None = None
    #: The whole allow-list.
    signature_algorithms: list[SignatureAlgorithm] | None = None
    #: Policy OIDs that are added.
    kinds: dict[str, str] | None = None


Act = Annotated[
    AddAuthority
    | AddGenerations
    | OpenPartitions
    | ClosePartitions
    | ReopenPartition
    | SetTolerance
    | SetPolicy,
    Field(discriminator="kind"),
]


def done(act: Act, upon: Authorities) -> tuple[Authority, ...]:
    """The authorities after this act; refuses one that cannot be done or changes nothing."""
    for generation in keys_added(act):
        check_self_signature(generation.certificate)
    known = upon.by_id(act.ca_id)
    if isinstance(act, AddAuthority):
        if known is not None:
            raise _refused("CA_ID_TAKEN", "a ca_id that is not in use", "one that is", "choose another ca_id")
        added = authority_from(act.authority)
        for authority in upon:
            if same_name(authority.subject, added.subject):
                raise _refused(
                    "CA_NAME_TAKEN",
                    "an issuer DN that no CA of ours has (RFC 5280 section 7.1)",
                    f"the DN of {authority.ca_id}",
                    "a new key of the same CA is added to its ca_id",
                )
        return (*upon, added)
    if known is None:
        raise _refused(
            "CA_UNKNOWN",
            f"one of {', '.join(authority.ca_id for authority in upon) or 'no CA yet'}",
            "another ca_id",
            "see jpki authority show",
        )
    changed = _changed(known, act)
    if changed == known:
        raise _refused(
            "ACT_CHANGES_NOTHING", "an act that changes something", "one that is done", "nothing to do"
        )
    return tuple(changed if authority is known else authority for authority in upon)


def _changed(authority: Authority, act: Act) -> Authority:
    if isinstance(act, AddGenerations):
        return _with_generations(authority, act)
    if isinstance(act, OpenPartitions):
        return _with_opened(authority, act)
    if isinstance(act, ClosePartitions):
        return _with_closed(authority, act)
    if isinstance(act, ReopenPartition):
        return _each(authority, [act.number], lambda p: replace(p, closed=None, successor=None))
    if isinstance(act, SetTolerance):
        held = authority.tolerances
        return replace(authority, tolerances=held | {act.tolerance} if act.on else held - {act.tolerance})
    if isinstance(act, SetPolicy):
        return _with_policy(authority, act)
    raise AssertionError("expected an act upon a known CA")


def _with_generations(authority: Authority, act: AddGenerations) -> Authority:
    added = certificates_from(act.certificates)
    if any(authority.generation(issuer_key_of(certificate.public_key())) for certificate in added):
        raise _refused(
            "KEY_KNOWN",
            "keys that this CA does not have yet",
            "one that it has",
            "leave it out",
        )
    allowed = authority.signature_algorithms | frozenset(act.signature_algorithms)
    made = authority_from_certificates(
        authority.ca_id,
        [*(generation.certificate for generation in authority.generations), *added],
        partitions=authority.partitions,
        signature_algorithms=allowed,
    )
    return replace(authority, generations=made.generations, signature_algorithms=allowed)


def _with_opened(authority: Authority, act: OpenPartitions) -> Authority:
    number = max(partition.number for partition in authority.partitions)
    opened = []
    for number, row in enumerate(act.partitions, number + 1):  # noqa: B020 - goes on from the highest
        if row.number or row.closed or row.successor:
            raise _refused("ACT_MALFORMED", "new, open partitions", "others", "propose it anew")
        partition = replace(partition_from(row), number=number)
        if authority.partition_for(partition.distribution_point) is not None:
            raise _refused(
                "PARTITION_KNOWN",
                "a distribution point that is not on the approved list",
                "one that is, open or closed (RFC 5280 section 7.1)",
                "a closed one is opened again by its number: open-partition CA --number N",
            )
        opened.append(partition)
    return replace(authority, partitions=(*authority.partitions, *opened))


def _with_closed(authority: Authority, act: ClosePartitions) -> Authority:
    if any(found is not None and found.closed for found in map(authority.partition, act.numbers)):
        raise _refused(
            "PARTITION_CLOSED", "open partitions", "a closed one", "name only those that are still open"
        )
    if (act.successor is None) is not act.none_left:
        raise _refused(
            "SUCCESSOR_REQUIRED",
            "either a successor, or the word that no valid certificate is left",
            "neither" if act.successor is None else "both",
            "--successor N for a merger; --none-left where nobody took its certificates over",
        )
    return _each(authority, act.numbers, lambda p: replace(p, closed=act.closed, successor=act.successor))


def _each(authority: Authority, numbers: list[int], change: Callable[[Partition], Partition]) -> Authority:
    if any(authority.partition(number) is None for number in numbers):
        raise _refused(
            "PARTITION_UNKNOWN",
            "numbers on the approved list",
            "another number",
            "see jpki authority show CA --partitions",
        )
    named = set(numbers)
    return replace(
        authority, partitions=tuple(change(p) if p.number in named else p for p in authority.partitions)
    )


def _with_policy(authority: Authority, act: SetPolicy) -> Authority:
    ceiling = authority.serial_ceiling
    if act.serial_ceiling is not None:
        ceiling = int.from_bytes(serial_from_hex(act.serial_ceiling), "big")
    return replace(
        authority,
        serial_ceiling=ceiling,
        hold_releasable=_or(act.hold_releasable, authority.hold_releasable),
        purpose_limited=_or(act.purpose_limited, authority.purpose_limited),
        signature_algorithms=authority.signature_algorithms
        if act.signature_algorithms is None
        else frozenset(act.signature_algorithms),
        kinds={**authority.kinds, **(act.kinds or {})},
    )


def _or(given: bool | None, held: bool) -> bool:
    return held if given is None else given


def keys_added(act: Act) -> tuple[Generation, ...]:
    """The keys that somebody must have compared with what the CA publishes, before they are believed."""
    if isinstance(act, AddAuthority):
        return authority_from(act.authority).generations
    if isinstance(act, AddGenerations):
        return tuple(generation_of(certificate, "new") for certificate in certificates_from(act.certificates))
    return ()


def summary_of(act: Act) -> str:
    """One sentence for the record and for the second person."""
    if isinstance(act, AddAuthority):
        row = act.authority
        kinds = ", ".join(sorted(set(row.kinds.values()))) or "no kinds"
        return (
            f"add CA {row.ca_id} with keys {_fingerprints(act)}; {len(row.partitions)} partitions, "
            f"{row.crl_signing.value}, {kinds}"
        )
    if isinstance(act, AddGenerations):
        return f"add keys {_fingerprints(act)}"
    if isinstance(act, OpenPartitions):
        days = sorted({row.opened.isoformat() for row in act.partitions if row.opened is not None})
        labels = _some([row.label for row in act.partitions])
        return f"open {len(act.partitions)} partitions ({labels}) on {', '.join(days) or 'no named day'}"
    if isinstance(act, ClosePartitions):
        into = f"into {act.successor}" if act.successor is not None else NONE_LEFT
        return f"close partitions {_some(list(map(str, act.numbers)))} on {act.closed.isoformat()}, {into}"
    if isinstance(act, ReopenPartition):
        return f"open partition {act.number} again"
    if isinstance(act, SetTolerance):
        return f"switch tolerance {act.tolerance.value} {'on' if act.on else 'off'}"
    named = act.model_dump(mode="json", exclude={"kind", "ca_id"}, exclude_none=True)
    return ("set " + ", ".join(f"{name} to {value}" for name, value in named.items()))[:MAX_SUMMARY]


def _fingerprints(act: Act) -> str:
    return _some([generation.certificate_sha256.hex() for generation in keys_added(act)])


def _some(texts: list[str], most: int = 5) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(text[:80] for text in texts[:most]) + more


def _refused(code: str, expected: str, got: str, remedy: str) -> InputRefused:
    return InputRefused(code, expected=expected, got=got, remedy=remedy)
