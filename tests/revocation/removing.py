"""A configuration from which a CA goes while a request is being answered."""

from __future__ import annotations

from revocation.authorities import Authorities, Authority, Generation


class Removing(Authorities):
    """Knows its CAs until it was asked ``left`` times about one, then none; who iterates sees them all."""

    __slots__ = ("left",)

    def __init__(self, authorities: Authorities, left: int) -> None:
        super().__init__(authorities)
        self.left = left

    def by_id(self, ca_id: str) -> Authority | None:
        self.left -= 1
        return super().by_id(ca_id) if self.left >= 0 else None

    def by_ocsp_issuer(
        self, hash_name: str, name_hash: bytes, key_hash: bytes
    ) -> tuple[Authority, Generation] | None:
        self.left -= 1
        return super().by_ocsp_issuer(hash_name, name_hash, key_hash) if self.left >= 0 else None
