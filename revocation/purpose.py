"""Revocation data may by law be used only to confirm validity (design 10): who wants it as a list is asked.

Where a CA is ``purpose_limited``, its serial numbers are not printed as a list. Two people may lift that by a
recorded act: ``jpki authority set CA --no-purpose-limited``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from revocation.authorities import Authorities
from revocation.errors import InputRefused


def require_unlimited(sets: Path, ca_ids: Iterable[str]) -> None:
    """Refuse serial numbers of a limited CA, by the authorities beside the folder of sets.

    Without such a file nothing is known of the CA: a copied folder is its holder's own affair.
    """
    file = sets.resolve().parent / "authorities.json"
    if not file.is_file():
        return
    authorities = Authorities.load(file)
    for ca_id in sorted(set(ca_ids)):
        authority = authorities.by_id(ca_id)
        if authority is None or authority.purpose_limited:
            raise InputRefused(
                "PURPOSE_LIMITED",
                expected=f"a CA whose serial numbers may be listed, for {ca_id}",
                got="one whose revocation data is for confirming validity only",
                remedy="leave --serials out, or let two people lift it: "
                f"jpki authority set {ca_id} --no-purpose-limited",
            )
