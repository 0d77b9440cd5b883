"""The issuer that a caller names when it asks by serial number, and whether it may."""

from __future__ import annotations

from typing import Protocol

from platform_api.institutions.model import Principal
from platform_api.problems import Problem, not_found
from platform_api.status.permissions import require_every_kind
from revocation.authorities import ALL_GENERATIONS, Authorities


class NamesIssuer(Protocol):
    """A body with these two members."""

    @property
    def ca_id(self) -> str: ...
    @property
    def issuer_key(self) -> str | None: ...


def issuer_of(form: NamesIssuer, principal: Principal, authorities: Authorities) -> tuple[str, bytes]:
    """(ca_id, SHA-256 of its key); 404 for an unknown CA, 422 where it has several keys and none is named."""
    authority = authorities.by_id(form.ca_id)
    if authority is None:
        raise not_found()
    require_every_kind(principal, authority)
    if form.issuer_key is not None:
        return authority.ca_id, bytes.fromhex(form.issuer_key)
    if len(authority.generations) == 1 or authority.lineages()[0].key_id == ALL_GENERATIONS:
        return authority.ca_id, authority.newest.key_id
    raise Problem(
        422,
        "ISSUER_KEY_REQUIRED",
        en="This CA has several keys under one name; say which one with issuer_key.",
        ja="このCAには同じ名称の鍵が複数あります。issuer_keyで指定してください。",
    )
