"""Who plays what: a few customers to whom, in every run, happens what must be seen at least once.

The rest of the people live by the seed. A part is data: which institution, what is consented, what befalls
the person on which day, before that day's lists are signed. Nothing of it is known to the service.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

ALL_ITEMS: Final = ("name", "address", "date_of_birth", "gender")
ADDRESS_ONLY: Final = ("name", "address")

#: Position of the institution that asks for four items itself, and of the one that has them delivered.
ASKS: Final = 0
IS_DELIVERED_TO: Final = 1


@dataclass(frozen=True, slots=True)
class Act:
    """What befalls somebody on a day; the name is the sandbox's."""

    day: int
    event: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """One customer's part."""

    name: str
    institution: int
    acts: tuple[Act, ...]
    items: tuple[str, ...] = ALL_ITEMS
    kind: Literal["card-sign", "mobile-sign"] = "card-sign"
    #: How and on which day the consent is withdrawn: at the institution, or with J-LIS's own application.
    withdrawn: tuple[int, Literal["institution", "jlis"]] | None = None
    #: J-LIS takes so long to reflect the consent, in seconds.
    reflected_after_s: int = 0
    #: Also a customer of the institution's second service, without a consent for it.
    second_service: bool = False
    #: Also a customer of the other institution, without a consent there.
    at_both: bool = False
    #: The customer agreed that J-LIS may be asked for the certificate that followed.
    linkage_agreed: bool = False


def _moves(day: int, reissue: str | int = "same_day") -> Act:
    return Act(day, "move", {"reissue": reissue})


#: On this day one list cannot be had; the person of the part ``late_list`` moved in that municipality.
PARTIAL_DAY: Final = 2
LATE_LIST: Final = "late_list"

PARTS: Final[tuple[Part, ...]] = (
    Part("key_compromised", ASKS, (Act(1, "lose"),)),
    Part("ended", ASKS, (Act(1, "stop"),)),
    Part("on_hold", ASKS, (Act(1, "hold"),)),
    Part("renewed", ASKS, (Act(1, "renew"),)),
    Part("moved", ASKS, (_moves(1),)),
    Part("moved_twice", ASKS, (_moves(1), _moves(1))),
    Part("moved_without_reissue", ASKS, (_moves(1, "never"),)),
    Part("without_consent", ASKS, (_moves(1),), items=()),
    Part("withdrew", ASKS, (_moves(1),), withdrawn=(1, "institution")),
    Part("withdrew_at_jlis", ASKS, (_moves(1),), withdrawn=(1, "jlis")),
    Part("reflected_late", ASKS, (_moves(1),), reflected_after_s=30 * 3600),
    Part("two_services", ASKS, (_moves(1),), second_service=True),
    Part("at_both", ASKS, (_moves(1),), at_both=True),
    Part(LATE_LIST, ASKS, (_moves(PARTIAL_DAY),)),
    Part("phone", ASKS, (Act(1, "hold_phone"), Act(2, "release_phone")), items=(), kind="mobile-sign"),
    Part("delivered", IS_DELIVERED_TO, (_moves(1),)),
    Part("delivered_twice", IS_DELIVERED_TO, (_moves(1), Act(2, "rename", {"reissue": "same_day"}))),
    Part("delivered_later", IS_DELIVERED_TO, (_moves(1, 1),)),
    Part("delivered_nothing", IS_DELIVERED_TO, (_moves(1),), items=()),
    Part("delivered_no_more", IS_DELIVERED_TO, (_moves(1),), withdrawn=(1, "jlis")),
    Part("renewed_linked", IS_DELIVERED_TO, (Act(1, "renew"), _moves(2)), linkage_agreed=True),
)


def parts_of(institution: int) -> list[Part]:
    return [part for part in PARTS if part.institution == institution]
