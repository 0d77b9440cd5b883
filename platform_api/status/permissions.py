"""What a key may ask: purpose and kind, denied by default (design section 10)."""

from __future__ import annotations

from platform_api.certificates.chain import KnownCertificate
from platform_api.institutions.model import Principal
from platform_api.problems import Problem, forbidden
from revocation.authorities import Authority


def require_purpose(principal: Principal, purpose: str) -> None:
    if purpose not in principal.purposes:
        raise forbidden(f"purpose:{purpose}")


def require_kind(principal: Principal, kind: str) -> None:
    if kind not in principal.kinds:
        raise forbidden(f"kind:{kind}")


def require_every_kind(principal: Principal, authority: Authority) -> None:
    """For who asks by number alone: which kind of the CA's it is shows only in the certificate."""
    for kind in sorted(set(authority.kinds.values())):
        require_kind(principal, kind)


def kind_of(certificate: KnownCertificate, principal: Principal) -> str:
    """The certificate's kind, which this key must be allowed to ask about."""
    if certificate.kind is None:
        raise Problem(
            422,
            "CERTIFICATE_KIND_UNKNOWN",
            en="The certificate's policy is not one of the CA's kinds; send a holder's certificate.",
            ja="証明書ポリシーが登録された種別ではありません。利用者の証明書を送ってください。",
        )
    require_kind(principal, certificate.kind)
    return certificate.kind
