"""The port to J-LIS: what we ask and what it may answer, whatever its wire format (under NDA) will be.

An adapter raises ``OutsideFailed`` when J-LIS could not be asked (nothing is known, ask again; with
``GatewayClosed`` not before its ``opens_at``) and ``GatewayRefused`` when J-LIS said no. It never gives a
half-read answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from platform_api.jlis.messages import (
    AuthorityOffer,
    ConsentReflection,
    ConsentSubmission,
    FourInformationAnswer,
    FourInformationQuery,
    LinkageAnswer,
    LinkageOutcome,
    LinkageQuery,
    LinkRelation,
    ListOffer,
    PartitionOffer,
    QueryOutcome,
    SuccessorCertificate,
    Withdrawal,
    WithdrawalPage,
    WithdrawalReceipt,
    WithdrawalSubmission,
)
from revocation.errors import InputRefused, OutsideFailed

__all__ = [
    "AuthorityOffer",
    "ConsentReflection",
    "ConsentSubmission",
    "FourInformationAnswer",
    "FourInformationQuery",
    "Gateway",
    "GatewayClosed",
    "GatewayRefused",
    "LinkRelation",
    "LinkageAnswer",
    "LinkageOutcome",
    "LinkageQuery",
    "ListOffer",
    "PartitionOffer",
    "QueryOutcome",
    "SuccessorCertificate",
    "Withdrawal",
    "WithdrawalPage",
    "WithdrawalReceipt",
    "WithdrawalSubmission",
]


class GatewayRefused(InputRefused):
    """J-LIS refused what we sent; ``code`` is ours, by the table of the adapter."""


class GatewayClosed(OutsideFailed):
    """Outside J-LIS's service hours: nothing was sent. Ask again from ``opens_at`` on, and not before."""

    def __init__(self, code: str, *, opens_at: datetime, expected: str, got: str, remedy: str) -> None:
        super().__init__(code, expected=expected, got=got, remedy=remedy)
        self.opens_at = opens_at


class Gateway(Protocol):
    """Everything we ask of J-LIS; the lists' bytes themselves are fetched by ``revocation.crl.fetch``."""

    async def authorities(self) -> Sequence[AuthorityOffer]:
        """The CAs with the certificates of all their generations."""
        ...

    async def partitions(self, ca_id: str) -> Sequence[PartitionOffer]:
        """Today's partitions of a CA."""
        ...

    async def submit_consent(self, submission: ConsentSubmission) -> ConsentReflection:
        """Hand over a signed consent. Sending the same application again is harmless."""
        ...

    async def consent_state(self, consent_ref: str) -> ConsentReflection:
        """What J-LIS knows of a consent that it took in: reflected meanwhile, or withdrawn?"""
        ...

    async def withdraw_consent(self, submission: WithdrawalSubmission) -> WithdrawalReceipt:
        """Hand over a signed withdrawal. Sending the same one again is harmless."""
        ...

    async def poll_withdrawals(self, provider_code: str, cursor: str | None) -> WithdrawalPage:
        """Withdrawals of one institution's consents after ``cursor`` (None: from the beginning).

        J-LIS does not push them; ``provider_code`` is the id that it assigned to the institution.
        """
        ...

    async def query_linkage(self, query: LinkageQuery) -> LinkageAnswer:
        """Ask which other certificate belongs to the person behind this one."""
        ...

    async def query_four_information(self, query: FourInformationQuery) -> FourInformationAnswer:
        """Ask for the latest items of the person behind this certificate."""
        ...

    async def ask_ocsp(self, ca_id: str, request: bytes) -> bytes:
        """One OCSP request (RFC 6960, DER) for a certificate of this CA, and the octets of the answer."""
        ...
