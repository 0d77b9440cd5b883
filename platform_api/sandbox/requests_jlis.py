"""The bodies that J-LIS's callers send: strict, nothing unknown."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from platform_api.sandbox.jlis_settings import LONGEST_DELAY_S, CountsFrom
from platform_api.sandbox.linkage import Relation
from platform_api.sandbox.nights import Step

Item = Literal["name", "address", "date_of_birth", "gender"]
Hex = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{1,64}$")]
Encoded = Annotated[str, Field(max_length=200_000)]
Code = Annotated[str, Field(min_length=1, max_length=128)]
Ref = Annotated[str, Field(min_length=1, max_length=64)]
Delay = Annotated[int, Field(ge=0, le=LONGEST_DELAY_S)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Signed(_Strict):
    """An application, its signature, and the certificate that signed it."""

    service_code: Code
    application: Encoded
    signature: Encoded
    signature_algorithm: Literal["RSASSA-PKCS1-v1_5-SHA256", "ECDSA-SHA256", "ECDSA-SHA384"]
    certificate: Encoded


class GiveConsent(Signed):
    pass


class WithdrawConsent(Signed):
    consent_ref: Ref


class ConsentOf(_Strict):
    consent_ref: Ref


class PollWithdrawals(_Strict):
    provider_code: Code
    cursor: Annotated[str, Field(max_length=64)] | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000


class _OfCertificate(_Strict):
    ca_id: Annotated[str, Field(max_length=64)]
    issuer_key: Hex
    serial_number: Hex
    service_code: Code


class QueryFourInformation(_OfCertificate):
    items: Annotated[list[Item], Field(min_length=1, max_length=4)]


class QueryLinkage(_OfCertificate):
    relation: Relation
    customer_agreed: bool


class WithdrawByHand(_Strict):
    """J-LIS's own application: the holder says which service, and nobody else is told."""

    service_code: Code


class ChangeSettings(_Strict):
    reflection_delay_s: Delay | None = None
    withdrawal_delay_s: Delay | None = None
    consent_counts_from: CountsFrom | None = None


class PlayNext(_Strict):
    step: Step = "day"
