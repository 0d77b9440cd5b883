"""Can this DATA answer be this holder's newer signing certificate? By our code where it cannot. Pure.

What fails here is thrown away unread; only the code is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from platform_api.certificates.birth_date import Precision
from platform_api.certificates.four_items import FourInformation
from platform_api.changes.model import SIGNING_KINDS
from platform_api.consents.model import jst_date
from platform_api.jlis.gateway import FourInformationAnswer, SuccessorCertificate
from platform_api.registrations.model import Watched
from revocation.authorities import Authorities
from revocation.coverage import CLOCK_TOLERANCE

#: Another person's items, by whichever sign; the answer is discarded.
PERSON_MISMATCH: Final = "PERSON_MISMATCH"

#: Far beyond any name or address of a resident register; what is longer is no item.
_LONGEST_TEXT: Final = 1000


def implausible(
    answer: FourInformationAnswer,
    asked_with: Watched,
    items: Sequence[str],
    authorities: Authorities,
    now: datetime,
    *,
    person_check: bool,
) -> str | None:
    """Why the answer cannot be used; None where it can."""
    if answer.certificate is None or answer.items is None:
        return "ANSWER_INCOMPLETE"
    new, old = answer.certificate.identity, asked_with.identity.identity
    authority = authorities.by_id(new.ca_id)
    if authority is None or authority.generation(new.issuer_key) is None:
        return "SUCCESSOR_ISSUER_UNKNOWN"
    if successor_kind(answer.certificate, asked_with, authorities) is None:
        return "SUCCESSOR_KIND"
    if new == old:
        return "SUCCESSOR_IS_OLD_CERTIFICATE"
    dates = answer.certificate.validity
    begun = dates.not_before <= now + CLOCK_TOLERANCE
    if not begun or now > dates.not_after or dates.not_before < asked_with.identity.validity.not_before:
        return "SUCCESSOR_DATES"
    if set(answer.items.given()) - set(items):
        return "ITEMS_NOT_ASKED"
    if _malformed(answer.items):
        return "ITEMS_MALFORMED"
    if person_check and _another_person(answer.items, answer.certificate, asked_with):
        return PERSON_MISMATCH
    return None


def successor_kind(
    successor: SuccessorCertificate, asked_with: Watched, authorities: Authorities
) -> str | None:
    """Which signing kind the successor is of; None where it is no signing certificate that we know.

    It may be of another kind and another CA than the one asked with (card ↔ phone, and a next CA). Where
    J-LIS does not say the kind, it is the former's within its own CA, elsewhere the only one of that CA.
    """
    authority = authorities.by_id(successor.identity.ca_id)
    if authority is None:
        return None
    signing = set(authority.kinds.values()) & SIGNING_KINDS
    if successor.kind is not None:
        return successor.kind if successor.kind in signing else None
    if asked_with.kind in signing and successor.identity.ca_id == asked_with.identity.identity.ca_id:
        return asked_with.kind
    return next(iter(signing)) if len(signing) == 1 else None


def _malformed(items: FourInformation) -> bool:
    """Control characters, or a text that no register holds. Lengths of flags are another matter: those say
    "unreliable" and no more."""
    texts = [item.value for item in (items.name, items.address) if item is not None]
    texts += [item.substitute_characters or "" for item in (items.name, items.address) if item is not None]
    texts += [items.name_furigana or ""]
    texts += [] if items.date_of_birth is None else [items.date_of_birth.raw]
    texts += [] if items.gender is None else [items.gender.raw]
    return any(
        len(text) > _LONGEST_TEXT or any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in text)
        for text in texts
    )


def _another_person(items: FourInformation, successor: SuccessorCertificate, asked_with: Watched) -> bool:
    """A signing certificate ends on its holder's birthday (jpki.md section 1.3): so do both of his, and it is
    the birthday that the answer says. A birthday of which only a part is known proves nothing either way."""
    born = items.date_of_birth
    if born is not None and born.precision is not Precision.DAY:
        return False
    ends = _birthday(successor.validity.not_after)
    if ends != _birthday(asked_with.identity.validity.not_after):
        return True
    return born is not None and born.date is not None and _month_day(born.date.month, born.date.day) != ends


def _birthday(not_after: datetime) -> tuple[int, int]:
    day = jst_date(not_after)
    return _month_day(day.month, day.day)


def _month_day(month: int, day: int) -> tuple[int, int]:
    """29 February is deemed to be 28 February."""
    return (2, 28) if (month, day) == (2, 29) else (month, day)
