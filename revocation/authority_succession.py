"""May one version of the authorities follow another? Pure; asked wherever a new one is made from an old one.

Sets, registrations and history keep ca_ids, keys and partition numbers. If one of them came to mean
something else, yesterday's list of one municipality would speak for another's certificates: GOOD for the
revoked. So they only ever grow.
"""

from __future__ import annotations

from revocation.authorities import Authorities, Authority
from revocation.coverage import partitions_unknown
from revocation.distinguished_names import same_name
from revocation.errors import InputRefused
from revocation.snapshot.current import Snapshot


def check_succession(old: Authorities, new: Authorities) -> None:
    """Refuse a new version in which an identity of the old one is gone or means something else."""
    if new.version != old.version + 1 or new.acts[:-1] != old.acts:
        raise _refused(
            "AUTHORITIES_VERSION_WRONG",
            "the next version, with one more recorded act after the same others",
            "another version or another history",
            "propose the act anew upon the present version",
        )
    for before in old:
        after = new.by_id(before.ca_id)
        if after is None:
            raise _refused(
                "AUTHORITY_REMOVED",
                "every CA of the version before",
                "one missing",
                "keep it: its certificates and what it revoked are still asked for; close its partitions",
            )
        _check_authority(before, after)


def check_not_older(authorities: Authorities, snapshot: Snapshot | None) -> None:
    """Refuse authorities that are older than the set to build upon: it declares lists that they do not know.

    A number that they gave away again would put another municipality's list in that one's place.
    """
    if snapshot is None:
        return
    lineages = [(authority, lineage) for authority in authorities for lineage in authority.lineages()]
    unknown = sum(partitions_unknown(authority, lineage, snapshot) for authority, lineage in lineages)
    if unknown:
        raise _refused(
            "AUTHORITIES_OLDER",
            f"the partitions of set {snapshot.seq}",
            f"an authorities file that does not know {unknown} of its lists",
            "an older file was put back, or partitions were changed by hand: restore the newest backup",
        )


def _check_authority(before: Authority, after: Authority) -> None:
    if not same_name(before.subject, after.subject):
        raise _refused(
            "AUTHORITY_NAME_CHANGED",
            "the subject DN that this ca_id has stood for (RFC 5280 section 7.1)",
            "another DN",
            "make another authority for another DN",
        )
    if before.crl_signing is not after.crl_signing:
        # The lineage would be another one, and who is gone from the lists is kept by lineage.
        raise _refused(
            "AUTHORITY_SIGNING_CHANGED",
            f"crl_signing {before.crl_signing.value}, under which sets were published",
            after.crl_signing.value,
            "a CA whose mode was guessed wrong published nothing: begin it anew in a new data folder",
        )
    for oid, kind in before.kinds.items():
        if after.kinds.get(oid) != kind:
            raise _refused(
                "AUTHORITY_KIND_CHANGED",
                "each policy OID with the kind that registrations were made with",
                "one with another kind or none",
                "add another OID beside it",
            )
    _check_generations(before, after)
    _check_partitions(before, after)


def _check_generations(before: Authority, after: Authority) -> None:
    for generation in before.generations:
        held = after.generation(generation.key_id)
        if held is None or held.certificate_sha256 != generation.certificate_sha256:
            raise _refused(
                "GENERATION_REMOVED",
                "every key of the version before, with its certificate",
                "one missing or another certificate for it",
                "keep expired keys: no list of theirs is expected, and old signatures are verified with them",
            )


def _check_partitions(before: Authority, after: Authority) -> None:
    highest = max(partition.number for partition in before.partitions)
    for partition in before.partitions:
        held = after.partition(partition.number)
        # Octet for octet: sets know a point by the hash of its octets.
        if held is not None and held.distribution_point == partition.distribution_point:
            continue
        moved = after.partition_for(partition.distribution_point)
        if moved is not None and moved.number != partition.number:
            raise _partition(
                "PARTITION_RENUMBERED",
                "each distribution point under the number that it has",
                "one that moved to another number",
            )
        if held is not None:
            raise _partition(
                "PARTITION_NUMBER_REUSED",
                "each number with the distribution point that it means",
                "a number that means another point",
            )
        raise _partition("PARTITION_REMOVED", "every partition of the version before", "one missing")
    for partition in after.partitions:
        if before.partition(partition.number) is None and partition.number <= highest:
            raise _partition(
                "PARTITION_NUMBER_REUSED",
                "new numbers above every number ever given",
                "a number from a gap, which may have meant something once",
            )


def _partition(code: str, expected: str, got: str) -> InputRefused:
    return _refused(
        code,
        expected,
        got,
        "close the partition and open another one: numbers stand in sets and registrations",
    )


def _refused(code: str, expected: str, got: str, remedy: str) -> InputRefused:
    return InputRefused(code, expected=expected, got=got, remedy=remedy)
