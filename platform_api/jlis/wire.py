"""The JSON that the sandbox J-LIS speaks, read strictly into the port's types; nothing is guessed.

The real formats are under NDA (open question 6); another adapter brings another module like this one.
Whatever the octets are, a reader gives the whole answer or raises ``JLIS_ANSWER_MALFORMED``.
"""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError

from platform_api.certificates.birth_date import birth_date
from platform_api.certificates.four_items import ITEMS, FourInformation, TextItem, gender
from platform_api.jlis.failures import malformed
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
from platform_api.jlis.wire_forms import (
    AnswerForm,
    AuthoritiesForm,
    CertificateForm,
    Form,
    ItemsForm,
    LinkageForm,
    PartitionsForm,
    ReceiptForm,
    ReflectionForm,
    WithdrawalsForm,
)
from revocation.errors import InputRefused
from revocation.identity import CertificateIdentity, serial_from_hex
from revocation.status import Validity

Model = TypeVar("Model", bound=Form)


def read_authorities(octets: bytes) -> tuple[AuthorityOffer, ...]:
    found = _read(AuthoritiesForm, octets).authorities
    return tuple(
        AuthorityOffer(
            a.ca_id, a.crl_signing, a.kinds, tuple(a.certificates), a.serial_ceiling, a.hold_releasable
        )
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
            for p in _read(PartitionsForm, octets).partitions
        )
    except ValueError:
        raise malformed("a distribution point in base64") from None


def read_reflection(octets: bytes) -> ConsentReflection:
    found = _read(ReflectionForm, octets)
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
    found = _read(ReceiptForm, octets)
    return WithdrawalReceipt(found.consent_ref, found.received_at, found.reflected_at)


def read_withdrawals(octets: bytes) -> WithdrawalPage:
    found = _read(WithdrawalsForm, octets)
    return WithdrawalPage(
        tuple(Withdrawal(w.consent_ref, w.service_code, w.reflected_at) for w in found.withdrawals),
        found.cursor,
        found.as_of,
        found.more,
    )


def read_linkage(octets: bytes) -> LinkageAnswer:
    found = _read(LinkageForm, octets)
    if (found.outcome is LinkageOutcome.LINKED) != (found.certificate is not None):
        raise malformed("a certificate with LINKED, and with nothing else")
    return LinkageAnswer(found.outcome, None if found.certificate is None else _successor(found.certificate))


def read_answer(octets: bytes) -> FourInformationAnswer:
    found = _read(AnswerForm, octets)
    if found.outcome is not QueryOutcome.DATA:
        return FourInformationAnswer(found.outcome, as_of=found.as_of)
    if found.items is None or found.certificate is None or found.as_of is None:
        raise malformed("items, certificate and as_of with DATA")
    return FourInformationAnswer(
        found.outcome, _items(found.items), _successor(found.certificate), found.as_of
    )


def _items(found: ItemsForm) -> FourInformation:
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


def _successor(found: CertificateForm) -> SuccessorCertificate:
    try:
        identity = CertificateIdentity(
            found.ca_id, bytes.fromhex(found.issuer_key), serial_from_hex(found.serial_number)
        )
    except (ValueError, InputRefused):
        raise malformed("an issuer key and a serial number in hexadecimal") from None
    if found.not_after <= found.not_before:
        raise malformed("a certificate that ends after it begins")
    return SuccessorCertificate(
        identity, Validity(found.not_before, found.not_after), found.partition, found.kind
    )


def _read(model: type[Model], octets: bytes) -> Model:
    try:
        # pydantic takes the last of two members of one name: which of them was meant is nobody's guess.
        json.loads(octets, object_pairs_hook=_once, parse_constant=_no_number)
        return model.model_validate_json(octets)
    except (ValidationError, ValueError, RecursionError):
        # Without the cause: its text would quote the answer.
        raise malformed(f"the form of {model.__name__.removesuffix('Form').lower()}") from None


def _once(members: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in members}) != len(members):
        raise ValueError("a member twice")


def _no_number(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")
