"""What is asked and told of fictional people; nothing here exists in live mode."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from platform_api.certificates.wire import Base64
from platform_api.operations import RequestModel, ResponseModel

Kind = Literal["card-sign", "card-auth", "mobile-sign", "mobile-auth"]
PersonId = Annotated[str, Field(pattern=r"^r-[0-9]{6,7}$")]
Code = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
Word = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
Text = Annotated[str, Field(max_length=100)]
Limit = Annotated[int, Field(ge=1, le=100)]


class _Told(ResponseModel):
    """Read from the sandbox's answer: what it says beyond these fields is not passed on."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class PeopleQuery(RequestModel):
    """Who is looked for, by what names nobody; names and addresses go into the body of people:search."""

    municipality_code: Code | None = None
    kind: Kind | None = None
    has: Word | None = None
    after: PersonId | None = None
    limit: Limit = 20


class PeopleSearch(PeopleQuery):
    """The same with parts of the certificate's spelling."""

    name: Text | None = None
    address: Text | None = None


class TestPerson(_Told):
    """A row of the search."""

    __test__ = False

    person_id: str
    name: str
    address: str
    date_of_birth: str
    gender: str
    municipality_code: str
    municipality: str
    kinds: list[str]
    struck: bool


class PeopleResponse(_Told):
    """A page; with ``next`` the search may go on, also where nobody was found in its time."""

    people: list[TestPerson]
    next: str | None


class TestCertificate(_Told):
    """One certificate of a fictional person, as the simulated J-LIS knows it."""

    __test__ = False

    ca_id: str
    kind: str
    issuer_key: str
    serial_number: str
    partition: int | None = None
    not_before: datetime
    not_after: datetime
    status: str
    reason_code: int | None
    revoked_at: datetime | None
    items: dict[str, str] | None


class TestConsent(_Told):
    """A consent in the simulated J-LIS's books."""

    __test__ = False

    consent_ref: str
    provider_code: str
    service_code: str
    items: list[str]
    standing: str
    received_at: datetime
    reflected_at: datetime | None
    valid_from: datetime | None
    valid_until: datetime | None
    withdrawn_at: datetime | None


class TestLifeEvent(_Told):
    """Something that befell a fictional person."""

    __test__ = False

    seq: int
    at: datetime
    event: str
    day: int


class PersonResponse(TestPerson):
    """All that the simulated J-LIS knows of a person; ``items`` as a new certificate would say them."""

    items: dict[str, str]
    certificates: list[TestCertificate]
    consents: list[TestConsent]
    events: list[TestLifeEvent]
    as_of: datetime


class EventRequest(RequestModel):
    """How an event happens; what is left out follows the event's own habit.

    ``service_code`` goes with withdraw_consent only: the holder's way by J-LIS's own application.
    """

    reissue: Literal["same_day", "never"] | Annotated[int, Field(ge=1, le=3650)] | None = None
    municipality_code: Code | None = None
    #: Of moved_abroad: the planned day (国外転出予定日).
    day: date | None = None
    service_code: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class TouchedCertificate(_Told):
    """A certificate that an event ended, released from hold or issued."""

    ca_id: str
    kind: str | None = None
    issuer_key: str
    serial_number: str
    reason_code: int | None = None


class EventResponse(_Told):
    """What happened; ``day``: of the lists that will say it first (none with withdraw_consent)."""

    person_id: str
    event: str
    at: datetime | None = None
    day: int | None = None
    revoked: tuple[TouchedCertificate, ...] = ()
    released: tuple[TouchedCertificate, ...] = ()
    issued: tuple[TouchedCertificate, ...] = ()


class CardSignRequest(RequestModel):
    """The person's card or phone signs these octets; the PIN is simulated."""

    data: Base64
    kind: Kind = "card-sign"


class CardSignResponse(_Told):
    """A signature with the certificate of its key, in base64."""

    certificate: str
    signature: str
    signature_algorithm: str


class ClockRequest(RequestModel):
    """Lists are published for each day until then; at most 31 days in one request."""

    to: AwareDatetime


class DaysRequest(RequestModel):
    """So many days, each 24 hours after the one before."""

    days: Annotated[int, Field(ge=1, le=31)] = 1


class ClockResponse(ResponseModel):
    """Where the sandbox's clock stands; ``day`` and ``published_at`` of its newest lists."""

    now: datetime
    day: int | None
    published_at: datetime | None
