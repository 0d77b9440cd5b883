"""The JSON that the sandbox J-LIS speaks, read strictly into the port's types; nothing is guessed.

The real formats are under NDA (open question 6); another adapter brings another module like this one.
"""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, date, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError

from platform_api.certificates.birth_date import birth_date
from platform_api.certificates.four_items import ITEMS, FourInformation, TextItem, gender
from platform_api.jlis.gateway import (
    AuthorityOffer,
    ConsentReflection,
    FourInformationAnswer,
    LinkageAnswer,
    LinkageOutcome,
    ListOffer,
    PartitionOffer,
    QueryOutcome,
    SuccessorCertificate,
    Withdrawal,
    WithdrawalPage,
    WithdrawalReceipt,
)
from revocation.errors import InputRefused, OutsideFailed
from revocation.identity import CertificateIdentity, serial_from_hex
from revocation.status import Validity

Model = TypeVar("Model", bound=BaseModel)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]


class _Wire(BaseModel):
    """Unknown fields are tolerated (J-LIS may add some), wrong ones are not; input stays out of errors."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Authority(_Wire):
    ca_id: str
    crl_signing: str
    kinds: dict[str, str]
    certificates: list[str]
    serial_ceiling: int | None = None


class _Authorities(_Wire):
    authorities: list[_Authority]


class _List(_Wire):
    generation: str
    url: str


class _Partition(_Wire):
    partition: int
    municipality_code: str
    distribution_point: str
    label: str
    lists: list[_List]


class _Partitions(_Wire):
    partitions: list[_Partition]


class _Reflection(_Wire):
    consent_ref: str
    received_at: Moment
    reflected_at: Moment | None
    valid_from: Moment | None
    valid_until: Moment | None
    items: list[str]
    withdrawn_at: Moment | None = None


class _Receipt(_Wire):
    consent_ref: str
    received_at: Moment
    reflected_at: Moment


class _Withdrawal(_Wire):
    consent_ref: str
    service_code: str
    reflected_at: Moment


class _Withdrawals(_Wire):
    withdrawals: list[_Withdrawal]
    cursor: str
    as_of: Moment
    more: bool


class _Items(_Wire):
    name: str | None = None
    name_substitute_characters: str | None = None
    address: str | None = None
    address_substitute_characters: str | None = None
    date_of_birth: str | None = None
    gender: str | None = None
    name_furigana: str | None = None
    moved_abroad_on: date | None = None


class _Certificate(_Wire):
    ca_id: str
    issuer_key: str
    serial_number: str
    not_before: Moment
    not_after: Moment
    partition: int | None = None
    kind: str | None = None


class _Linkage(_Wire):
    outcome: LinkageOutcome
    certificate: _Certificate | None = None


class _Answer(_Wire):
    outcome: QueryOutcome
    items: _Items | None = None
    certificate: _Certificate | None = None
    as_of: Moment | None = None


def read_authorities(octets: bytes) -> tuple[AuthorityOffer, ...]:
    found = _read(_Authorities, octets).authorities
    return tuple(
        AuthorityOffer(a.ca_id, a.crl_signing, a.kinds, tuple(a.certificates), a.serial_ceiling)
        for a in found
    )


def read_partitions(octets: bytes) -> tuple[PartitionOffer, ...]:
    try:
        return tuple(
            PartitionOffer(
                partition=p.partition,
                municipality_code=p.municipality_code,
                distribution_point=b64decode(p.distribution_point, validate=True),
                label=p.label,
                lists=tuple(ListOffer(item.generation, item.url) for item in p.lists),
            )
            for p in _read(_Partitions, octets).partitions
        )
    except ValueError:
        raise malformed("a distribution point in base64") from None


def read_reflection(octets: bytes) -> ConsentReflection:
    found = _read(_Reflection, octets)
    times = (found.reflected_at, found.valid_from, found.valid_until)
    whole = all(at is not None for at in times) or all(at is None for at in times)
    if not set(found.items) <= set(ITEMS) or not whole:
        raise malformed("known items, and all three times of a reflected consent or none of them")
    if found.valid_from and found.valid_until and found.valid_until <= found.valid_from:
        raise malformed("a period that ends after it begins")
    return ConsentReflection(
        consent_ref=found.consent_ref,
        received_at=found.received_at,
        reflected_at=found.reflected_at,
        valid_from=found.valid_from,
        valid_until=found.valid_until,
        items=frozenset(found.items),
        withdrawn_at=found.withdrawn_at,
    )


def read_withdrawal_receipt(octets: bytes) -> WithdrawalReceipt:
    found = _read(_Receipt, octets)
    return WithdrawalReceipt(found.consent_ref, found.received_at, found.reflected_at)


def read_withdrawals(octets: bytes) -> WithdrawalPage:
    found = _read(_Withdrawals, octets)
    return WithdrawalPage(
        tuple(Withdrawal(w.consent_ref, w.service_code, w.reflected_at) for w in found.withdrawals),
        found.cursor,
        found.as_of,
        found.more,
    )


def read_linkage(octets: bytes) -> LinkageAnswer:
    found = _read(_Linkage, octets)
    if (found.outcome is LinkageOutcome.LINKED) != (found.certificate is not None):
        raise malformed("a certificate with LINKED, and with nothing else")
    return LinkageAnswer(found.outcome, None if found.certificate is None else _successor(found.certificate))


def read_answer(octets: bytes) -> FourInformationAnswer:
    found = _read(_Answer, octets)
    if found.outcome is not QueryOutcome.DATA:
        return FourInformationAnswer(found.outcome, as_of=found.as_of)
    if found.items is None or found.certificate is None or found.as_of is None:
        raise malformed("items, certificate and as_of with DATA")
    return FourInformationAnswer(
        found.outcome, _items(found.items), _successor(found.certificate), found.as_of
    )


def _items(found: _Items) -> FourInformation:
    return FourInformation(
        name=None if found.name is None else TextItem(found.name, found.name_substitute_characters),
        address=None
        if found.address is None
        else TextItem(found.address, found.address_substitute_characters),
        date_of_birth=None if found.date_of_birth is None else birth_date(found.date_of_birth),
        gender=None if found.gender is None else gender(found.gender),
        name_furigana=found.name_furigana,
        moved_abroad_on=found.moved_abroad_on,
    )


def _successor(found: _Certificate) -> SuccessorCertificate:
    try:
        identity = CertificateIdentity(
            found.ca_id, bytes.fromhex(found.issuer_key), serial_from_hex(found.serial_number)
        )
    except (ValueError, InputRefused):
        raise malformed("an issuer key and a serial number in hexadecimal") from None
    return SuccessorCertificate(
        identity, Validity(found.not_before, found.not_after), found.partition, found.kind
    )


def _read(model: type[Model], octets: bytes) -> Model:
    try:
        return model.model_validate_json(octets)
    except ValidationError:
        raise malformed(f"the form of {model.__name__.strip('_').lower()}") from None


def malformed(expected: str) -> OutsideFailed:
    return OutsideFailed(
        "JLIS_ANSWER_MALFORMED",
        expected=expected,
        got="another answer of J-LIS",
        remedy="nothing of it was used; compare the adapter with J-LIS's current specification",
    )
