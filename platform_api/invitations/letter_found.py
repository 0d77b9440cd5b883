"""Which letter an address opens, and as it stands now; a page instead where it opens none, or too many
were tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from aiohttp import web

from platform_api.db.transactions import tenant
from platform_api.invitations import letter_view as view
from platform_api.invitations import store
from platform_api.invitations.expiring import expire
from platform_api.invitations.letter_guard import LetterGuard
from platform_api.invitations.letter_request import language_given
from platform_api.invitations.model import InvitationState
from platform_api.invitations.signing import may_ask
from platform_api.invitations.tokens import LetterHashes, well_formed
from platform_api.keys import CLOCK, KEY_HASHER, POOL
from platform_api.peers import connected_address

if TYPE_CHECKING:
    from uuid import UUID

    from platform_api.invitations.model import Invitation
    from platform_api.invitations.store import Asking

#: What this process remembers of who guesses.
GUARD: Final = web.AppKey("letter_guard", LetterGuard)
_ASKING_STATES: Final = frozenset((InvitationState.CREATED, InvitationState.OPENED, InvitationState.SIGNED))


class Ends(Exception):
    """Ends a request with this page."""

    def __init__(self, response: web.Response) -> None:
        super().__init__()
        self.response = response


@dataclass(frozen=True, slots=True, repr=False)
class Letter:
    """A letter that was found, as it stands; inside its institution's tenant from here on."""

    institution_id: UUID
    invitation: Invitation
    asking: Asking | None
    token: str
    language: str
    now: datetime

    @property
    def path(self) -> str:
        return f"/c/{self.token}"

    @property
    def ended(self) -> bool:
        """Does it ask nothing any more?"""
        return self.invitation.state_at(self.now) not in _ASKING_STATES

    @property
    def may_answer(self) -> bool:
        """May its institution ask at present?"""
        return self.asking is not None and may_ask(self.asking, self.now)


async def find_letter(request: web.Request) -> Letter:
    """The letter that this address opens; raises ``Ends`` where there is none."""
    token = request.match_info["token"]
    if not may_try(request):
        raise _busy(request)
    app = request.config_dict
    token_hash = hashes_of(request).token(token)
    found = await store.find_by_token(app[POOL], token_hash) if well_formed(token) else None
    if found is None:
        missed(request)
        raise _unknown(request)
    if not app[GUARD].may_ask(token_hash):
        raise _busy(request)
    institution_id, invitation_id = found
    now = app[CLOCK].now()
    async with tenant(app[POOL], institution_id) as connection:
        invitation = await store.find(connection, invitation_id)
        if invitation is None:
            raise _unknown(request)
        asking = await store.asking(connection, invitation)
        if invitation.due(now) or invitation.untaken:
            await expire(connection, institution_id, now)
            # As it was written down: J-LIS may have answered before the time ran out, or who signed is lost.
            invitation = await store.find(connection, invitation_id) or invitation
    language = language_given(request, invitation.language)
    return Letter(institution_id, invitation, asking, token, language, now)


def may_try(request: web.Request) -> bool:
    """May this connection's address still name letters?"""
    return request.config_dict[GUARD].may_try(connected_address(request.transport))


def missed(request: web.Request) -> None:
    """It named one that there is not."""
    request.config_dict[GUARD].missed(connected_address(request.transport))


def hashes_of(request: web.Request) -> LetterHashes:
    return LetterHashes(request.config_dict[KEY_HASHER])


def _busy(request: web.Request) -> Ends:
    return Ends(view.nothing("busy", language_given(request), 429))


def _unknown(request: web.Request) -> Ends:
    return Ends(view.nothing("unknown", language_given(request), 404))
