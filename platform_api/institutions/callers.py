"""Who asks OCSP, and what they may ask: credentials looked up once in a while, remembered for seconds.

A caller shows an API key in ``Authorization: Bearer``, or presents it by a binding: a pinned client
certificate (mTLS), or, where the operator allows it, the address that the connection comes from. The
strongest one shown decides alone: a wrong key is not made good by a listed network. ``X-Forwarded-For`` and
its like are looked at nowhere (T49). Keys stay in memory as keyed hashes only.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from platform_api.institutions import store
from platform_api.institutions.api_keys import ApiKey
from platform_api.institutions.caller import Caller, CallerRules, Slots
from platform_api.institutions.registered import MOST_AT_ONCE, RegisteredQuestions
from platform_api.institutions.remembered import UNAVAILABLE, Entry, Question, Remembered, Unavailable
from platform_api.peers import Address, address_of

if TYPE_CHECKING:
    from uuid import UUID

    from platform_api.db.transactions import Pool
    from platform_api.institutions.api_keys import KeyHasher
    from platform_api.institutions.store import KeyRecord
    from platform_api.tagging import Tagger
    from revocation.authorities import Authority
    from revocation.clock import Clock
    from revocation.identity import CertificateIdentity

_MOST_CALLERS: Final = 10_000
_MOST_ENTITLED: Final = 100_000
#: Apart from a key's hash, which has 32 octets.
_CERTIFICATE: Final = b"certificate"
#: The two spellings of the scheme that clients send; any other is taken, but looked at each time.
_SCHEMES: Final = ("Bearer ", "bearer ")


class Callers:
    """The callers of one server. All of it runs on one event loop; ``close`` ends what is in flight."""

    UNAVAILABLE: Final = UNAVAILABLE

    def __init__(
        self,
        pool: Pool,
        hasher: KeyHasher,
        tagger: Tagger,
        clock: Clock,
        rules: CallerRules,
        *,
        slots: Slots | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._hasher = hasher
        self._tagger = tagger
        self._clock = clock
        self._rules = rules
        self._slots = slots or Slots()

        def usable_s(caller: Caller) -> float:
            return caller.usable_s(clock.now())

        times: dict[str, Any] = {"ttl_s": rules.ttl_s, "grace_s": rules.grace_s, "monotonic": monotonic}
        self._callers: Remembered[Caller] = Remembered(
            most=_MOST_CALLERS, usable_s=usable_s, most_asking=rules.asking, **times
        )
        # Apart: whoever has a large network could push every key out of one memory, address by address.
        self._addresses: Remembered[Caller] = Remembered(
            most=_MOST_CALLERS, usable_s=usable_s, most_asking=1, **times
        )
        self._registered = RegisteredQuestions(pool, most_asking=2 * rules.asking)
        self._entitled: Remembered[bool] = Remembered(
            most=_MOST_ENTITLED, most_asking=2 * MOST_AT_ONCE, most_waiting=4 * MOST_AT_ONCE, **times
        )
        # By a hash under a key of this object alone: no memory of ours tells a header, or confirms a guess.
        self._spelling = hashlib.blake2b(key=secrets.token_bytes(32), digest_size=32)
        self._spelled: OrderedDict[bytes, Entry[Caller]] = OrderedDict()
        self._subject = hashlib.blake2b(key=secrets.token_bytes(32), digest_size=32)

    def known(self, authorization: bytes) -> Caller | None:
        """The caller of an Authorization value that was good within ``ttl_s``; from memory, without I/O.

        None says only that ``identify`` must be asked. Must run on the loop: half-way through its time an
        entry is confirmed anew beside the requests.
        """
        spelling = self._spelling.copy()
        spelling.update(authorization)
        digest = spelling.digest()
        entry = self._spelled.get(digest)
        if entry is None or not self._callers.usable(entry):
            return None
        return entry.value

    def known_by_certificate(self, certificate_sha256: bytes) -> Caller | None:
        """As ``known``, for the client certificate of a connection that shows no header."""
        entry = self._callers.fresh(_CERTIFICATE + certificate_sha256)
        return None if entry is None else entry.value

    def known_by_address(self, address: Address) -> Caller | None:
        """As ``known``, for the ``address_of`` a connection that shows neither header nor certificate."""
        entry = self._addresses.fresh(address.packed)
        return None if entry is None else entry.value

    async def identify(
        self, authorization: str | None, certificate_sha256: bytes | None = None, peer: str | None = None
    ) -> Caller | Unavailable | None:
        """Who asks; None for nobody that we know, ``UNAVAILABLE`` where that cannot be found out now.

        Args:
            authorization: the header's value; None where there is no such header.
            certificate_sha256: of the client certificate that the TLS handshake verified.
            peer: the connected address itself, as text; never anything that a header says.
        """
        if authorization is not None:
            return await self._of_key(authorization)
        if certificate_sha256 is not None:
            key = _CERTIFICATE + certificate_sha256
            return await self._callers.ask(key, partial(self._bound_certificate, certificate_sha256))
        if peer is not None and self._rules.networks:
            return await self._of_address(peer)
        return None

    def may_ask(self, caller: Caller, authority: Authority | None) -> bool:
        """Scope, purpose, and every kind of the CA's: a CertID does not say of which kind it is.

        Without a CA (nobody's CertID) there is nothing to tell. ``registered`` needs ``entitled`` as well.
        """
        return caller.may_ask and (
            authority is None or caller.principal.kinds.issuperset(authority.kinds.values())
        )

    def entitled_now(self, caller: Caller, identity: CertificateIdentity) -> bool | None:
        """``entitled`` from memory, without I/O; None says only that ``entitled`` must be asked."""
        if not caller.may_ask:
            return False
        if caller.of_any:
            return True
        key = self._subject_key(caller, identity)
        if self._entitled.fresh(key) is not None:
            return True
        return False if self._entitled.refused(key) else None

    async def entitled(self, caller: Caller, identity: CertificateIdentity) -> bool | Unavailable:
        """May this caller hear of this certificate? ``registered``: one of its own registrations watches it.

        ``presented`` is never enough here: a CertID presents no certificate.
        """
        if (remembered := self.entitled_now(caller, identity)) is not None:
            return remembered
        question = self._watches(caller.principal.institution_id, identity)
        found = await self._entitled.ask(self._subject_key(caller, identity), question)
        return found if isinstance(found, Unavailable) else found is True

    async def close(self) -> None:
        """End the questions that are in flight."""
        for memory in (self._callers, self._addresses, self._entitled):
            await memory.close()
        await self._registered.close()

    async def _of_key(self, authorization: str) -> Caller | Unavailable | None:
        scheme, _, text = authorization.partition(" ")
        key = ApiKey.parse(text.strip()) if scheme.lower() == "bearer" else None
        if key is None or key.mode.value != self._rules.key_mode:
            return None
        key_hash = self._hasher.api_key(key)
        found = await self._callers.ask(key_hash, partial(self._presented_key, key_hash))
        if isinstance(found, Caller) and authorization in (scheme + key.text for scheme in _SCHEMES):
            self._remember_spelling(authorization.encode("ascii"), key_hash)
        return found

    def _remember_spelling(self, authorization: bytes, key_hash: bytes) -> None:
        entry = self._callers.entry(key_hash)
        if entry is None:
            return
        spelling = self._spelling.copy()
        spelling.update(authorization)
        digest = spelling.digest()
        self._spelled[digest] = entry
        self._spelled.move_to_end(digest)
        if len(self._spelled) > len(_SCHEMES) * _MOST_CALLERS:
            self._spelled.popitem(last=False)

    async def _of_address(self, peer: str) -> Caller | Unavailable | None:
        address = address_of(peer)
        if address is None:
            return None
        return await self._addresses.ask(address.packed, partial(self._listed_address, address))

    async def _presented_key(self, key_hash: bytes) -> Caller | None:
        record = await store.find_key(self._pool, key_hash)
        if record is None or not hmac.compare_digest(record.key_hash, key_hash):
            return None
        return self._caller(record)

    async def _bound_certificate(self, certificate_sha256: bytes) -> Caller | None:
        return self._caller(await store.find_key_of_certificate(self._pool, certificate_sha256))

    async def _listed_address(self, address: Address) -> Caller | None:
        return self._caller(await store.find_key_of_address(self._pool, address))

    def _caller(self, record: KeyRecord | None) -> Caller | None:
        """The caller that a living key of this kind of server is, while its contract is in force."""
        now = self._clock.now()
        if (
            record is None
            or record.principal.mode != self._rules.key_mode
            or not record.living(now)
            or not record.in_contract(now)
        ):
            return None
        return self._rules.caller(record, self._slots)

    def _watches(self, institution_id: UUID, identity: CertificateIdentity) -> Question[bool]:
        # Only the tags are held: a question may be asked again later, and it needs no serial.
        tags = tuple(tag.value for tag in self._tagger.tags(identity))

        async def question() -> bool | None:
            return True if await self._registered.ask(institution_id, tags) else None

        return question

    def _subject_key(self, caller: Caller, identity: CertificateIdentity) -> bytes:
        """Keyed, so that no serial stays here; with a length, so that no two questions read alike."""
        serial = identity.serial
        subject = self._subject.copy()
        subject.update(
            b"".join(
                (
                    caller.institution_octets,
                    identity.issuer_key,
                    len(serial).to_bytes(1, "big"),
                    serial,
                    identity.ca_id.encode(),
                )
            )
        )
        return subject.digest()
