"""The forms of the sandbox J-LIS's JSON: what each field may be, and how long.

Unknown fields are tolerated (J-LIS may add some); wrong, overlong and controlling ones are not.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from platform_api.jlis.gateway import LinkageOutcome, QueryOutcome

#: RFC 3339 section 5.6; a number, which pydantic would take for seconds, is none.
_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
_LONGEST_TEXT: Final = 1000


def _written(value: Any) -> Any:
    if not isinstance(value, str) or _MOMENT.fullmatch(value) is None:
        raise ValueError("a time as RFC 3339 writes it")
    return value


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time of the years 1 to 9999") from None


def _plain(text: str) -> str:
    """No NUL, no other control character: no name and no address has one."""
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("a text without control characters")
    return text


#: Not strict, which behind ``_written`` would want a datetime.
Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written), AfterValidator(_utc)]
#: An item of a person; an empty one is none.
Item = Annotated[str, Field(min_length=1, max_length=_LONGEST_TEXT), AfterValidator(_plain)]
Flags = Annotated[str, Field(max_length=_LONGEST_TEXT), AfterValidator(_plain)]
#: An id, a code, a reference.
Name = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_plain)]
Hex = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{1,128}$")]
Cursor = Annotated[str, Field(max_length=4096), AfterValidator(_plain)]
Count = Annotated[int, Field(ge=0, lt=2**31)]
Address = Annotated[str, Field(pattern=r"^(?:https?://|/)[!-~]{1,2000}$")]


class Form(BaseModel):
    """Input stays out of errors."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, strict=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class AuthorityForm(Form):
    ca_id: Name
    crl_signing: Name
    kinds: Annotated[dict[Name, Name], Field(max_length=64)]
    certificates: Annotated[list[Annotated[str, Field(max_length=65_536)]], Field(max_length=64)]
    serial_ceiling: Annotated[int, Field(ge=0, lt=2**160)] | None = None
    hold_releasable: bool = False


class AuthoritiesForm(Form):
    authorities: Annotated[list[AuthorityForm], Field(max_length=256)]


class ListForm(Form):
    generation: Name
    url: Address


class PartitionForm(Form):
    partition: Count
    municipality_code: Name
    distribution_point: Annotated[str, Field(max_length=8192)]
    label: Name
    lists: Annotated[list[ListForm], Field(max_length=64)]


class PartitionsForm(Form):
    partitions: Annotated[list[PartitionForm], Field(max_length=100_000)]


class ReflectionForm(Form):
    consent_ref: Name
    received_at: Moment
    reflected_at: Moment | None
    valid_from: Moment | None
    valid_until: Moment | None
    items: Annotated[list[Name], Field(max_length=16)]
    withdrawn_at: Moment | None = None


class ReceiptForm(Form):
    consent_ref: Name
    received_at: Moment
    reflected_at: Moment


class WithdrawalForm(Form):
    consent_ref: Name
    service_code: Name
    reflected_at: Moment


class WithdrawalsForm(Form):
    withdrawals: Annotated[list[WithdrawalForm], Field(max_length=10_000)]
    cursor: Cursor
    as_of: Moment
    more: bool


class ItemsForm(Form):
    name: Item | None = None
    name_substitute_characters: Flags | None = None
    address: Item | None = None
    address_substitute_characters: Flags | None = None
    date_of_birth: Annotated[Item, Field(max_length=32)] | None = None
    gender: Annotated[Item, Field(max_length=8)] | None = None
    name_furigana: Item | None = None
    moved_abroad_on: date | None = None


class CertificateForm(Form):
    ca_id: Name
    issuer_key: Hex
    serial_number: Hex
    not_before: Moment
    not_after: Moment
    partition: Count | None = None
    kind: Name | None = None


class LinkageForm(Form):
    outcome: LinkageOutcome
    certificate: CertificateForm | None = None


class AnswerForm(Form):
    outcome: QueryOutcome
    items: ItemsForm | None = None
    certificate: CertificateForm | None = None
    as_of: Moment | None = None
