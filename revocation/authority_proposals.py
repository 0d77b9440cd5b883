"""An act upon the authorities takes two people: one proposes it, another one approves or rejects it.

A proposal is a file of its own beside ``authorities.json``, named by the hash of its content, and made upon
one content of that file. Approving holds the folder's lock and has one commit; the steps are::

    lock, read, check base and names, do the act, check the succession
    stage the new file, fsync         a crash leaves the old version and the proposal
    rename                            the commit
    fsync folder, remove the proposal a crash leaves the new version; approving again finds the act done
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import orjson
from pydantic import AwareDatetime, Field, ValidationError

from revocation.authorities import Authorities, Authority
from revocation.authority_acts import Act, done, summary_of
from revocation.authority_file import (
    PUBLIC,
    FileDisk,
    content_of,
    content_sha256,
    parse_authorities,
    read_content,
    remove_leftovers,
    replace_file,
    row_refused,
)
from revocation.authority_rows import Row, authorities_sha256
from revocation.authority_succession import check_succession
from revocation.errors import InputRefused, OutsideFailed, RevocationError
from revocation.recorded_acts import RecordedAct, check_reason, operator_name, require_another
from revocation.snapshot.durable import Disk

_FORMAT: Final = "jpki-authority-proposal/1"
_ID: Final = re.compile(r"[0-9a-f]{64}\Z")
#: People may type the beginning.
_BEGINNING: Final = re.compile(r"[0-9a-f]{16,64}\Z")
_LOCK_PATIENCE_S: Final = 10.0
#: Another user of the host may neither read nor slip in a proposal.
PRIVATE: Final = FileDisk(0o600)


class ProposalRow(Row):
    """A proposal as its file has it."""

    format: Literal["jpki-authority-proposal/1"] = _FORMAT
    act: Act
    reason: Annotated[str, Field(max_length=500)]
    proposed_by: Annotated[str, Field(max_length=100)]
    proposed_at: AwareDatetime
    #: The version and the content (hex SHA-256) that the act is upon.
    base_version: Annotated[int, Field(ge=0)]
    base_sha256: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal that waits. The id is its content's SHA-256: who approves it, approves this content."""

    proposal_id: str
    row: ProposalRow
    #: Was the file changed since? Then it can only be rejected.
    stale: bool

    @property
    def summary(self) -> str:
        return summary_of(self.row.act)


@dataclass(frozen=True, slots=True)
class Approval:
    """What approving came to."""

    act: RecordedAct
    #: Approved before; a crash had left the proposal behind.
    already: bool = False


class AuthorityActs:
    """The acts upon one ``authorities.json``."""

    def __init__(
        self,
        file: Path,
        *,
        public: Disk = PUBLIC,
        private: Disk = PRIVATE,
        patience_s: float = _LOCK_PATIENCE_S,
    ) -> None:
        self._file = file
        self._folder = file.with_name("authority-proposals")
        self._public = public
        self._private = private
        self._patience_s = patience_s

    def propose(self, act: Act, *, by: str, reason: str, now: datetime) -> Proposal:
        """Write the proposal, after trying the act on a copy: what would be refused is refused now."""
        content, authorities = self._present()
        row = ProposalRow(
            act=act,
            reason=check_reason(reason),
            proposed_by=operator_name(by),
            proposed_at=now,
            base_version=authorities.version,
            base_sha256=content_sha256(content),
        )
        octets = orjson.dumps(
            row.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        )
        proposal = Proposal(_id_of(octets), row, stale=False)
        # Whoever will approve it: the rules are the same.
        _next(authorities, proposal, by="(nobody yet)", now=now)
        for folder in (self._file.parent, self._folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self._folder / f"{proposal.proposal_id}.json", octets, self._private)
        return proposal

    def waiting(self) -> list[Proposal]:
        """Proposals that wait, the oldest first."""
        return self.listed()[0]

    def listed(self) -> tuple[list[Proposal], list[tuple[str, RevocationError]]]:
        """Proposals that wait, the oldest first; and the names of the files that are none, with why."""
        content, _ = self._present()
        good: list[Proposal] = []
        damaged: list[tuple[str, RevocationError]] = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                found = self._read(path.stem, content_sha256(content))
            except RevocationError as error:
                damaged.append((path.name, error))
            else:
                good += [] if found is None else [found]
        return sorted(good, key=lambda proposal: proposal.row.proposed_at), damaged

    def find(self, proposal_id: str) -> Proposal:
        """By its id or the beginning of it (16 characters or more)."""
        content, authorities = self._present()
        return self._found(self._id(proposal_id, authorities), content_sha256(content))

    def approve(
        self, proposal_id: str, *, by: str, now: datetime, rule: Callable[[Authority], None] | None = None
    ) -> Approval:
        """Do it, as the second person. Two approvals at once: one does it, the other finds it done.

        ``rule``: what the deployment asks of the CA that comes out, once more.
        """
        with self._lock():
            content, authorities = self._present()
            proposal_id = self._id(proposal_id, authorities)
            recorded = next((a for a in authorities.acts if a.proposal_id == proposal_id), None)
            if recorded is not None:
                self._remove(proposal_id)
                return Approval(recorded, already=True)
            proposal = self._found(proposal_id, content_sha256(content))
            require_another(by, than=proposal.row.proposed_by)
            if proposal.stale:
                raise InputRefused(
                    "PROPOSAL_STALE",
                    expected="a proposal upon the present content of authorities.json",
                    got=f"one upon version {proposal.row.base_version}, before another change",
                    remedy="reject it and propose the act anew",
                )
            changed = _next(authorities, proposal, by=operator_name(by), now=now)
            if rule is not None and (made := changed.by_id(proposal.row.act.ca_id)) is not None:
                rule(made)
            remove_leftovers(self._file)
            replace_file(self._file, content_of(changed), self._public)
            self._remove(proposal_id)
            return Approval(changed.acts[-1])

    def reject(self, proposal_id: str, *, by: str, reason: str, now: datetime) -> Proposal:
        """Put it away; anybody may, also who proposed it. The file is kept, with who rejected it."""
        name = operator_name(by)
        with self._lock():
            content, authorities = self._present()
            proposal_id = self._id(proposal_id, authorities)
            proposal = self._found(proposal_id, content_sha256(content))
            kept = {
                "rejected_by": name,
                "rejected_at": now.isoformat(),
                "reason": check_reason(reason),
                "proposal": proposal.row.model_dump(mode="json"),
            }
            replace_file(
                self._folder / f"{proposal_id}.rejected",
                orjson.dumps(kept, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
                self._private,
            )
            self._remove(proposal_id)
            return proposal

    def present(self) -> Authorities:
        """The authorities as the file has them; none where there is no file yet."""
        return self._present()[1]

    def _present(self) -> tuple[bytes, Authorities]:
        if not self._file.exists():
            return b"", Authorities(())
        content = read_content(self._file)
        return content, parse_authorities(content)

    def _id(self, given: str, authorities: Authorities) -> str:
        """The one id, waiting or approved, that begins like this; the text itself where there is none."""
        if not _BEGINNING.match(given):
            return given
        ids = {act.proposal_id for act in authorities.acts} | {p.stem for p in self._folder.glob("*.json")}
        found = [one for one in ids if one.startswith(given)]
        if len(found) > 1:
            raise InputRefused(
                "PROPOSAL_AMBIGUOUS",
                expected="the id of one proposal",
                got=f"the beginning of {len(found)}",
                remedy="give more of it: see jpki authority proposals",
            )
        return found[0] if found else given

    def _found(self, proposal_id: str, base_sha256: str) -> Proposal:
        found = self._read(proposal_id, base_sha256) if _ID.match(proposal_id) else None
        if found is None:
            raise InputRefused(
                "PROPOSAL_UNKNOWN",
                expected="the id of a proposal that waits",
                got="another text, or a proposal that was approved or rejected",
                remedy="see jpki authority proposals",
            )
        return found

    def _read(self, proposal_id: str, base_sha256: str) -> Proposal | None:
        path = self._folder / f"{proposal_id}.json"
        if not path.is_file():
            return None
        octets = read_content(path)
        remedy = f"somebody changed it: remove {path.name!a} and propose the act anew"
        if _id_of(octets) != proposal_id:
            raise InputRefused(
                "PROPOSAL_DAMAGED",
                expected="a proposal whose content has the hash in its name",
                got="another content",
                remedy=remedy,
            )
        try:
            row = ProposalRow.model_validate_json(octets)
        except ValidationError as error:
            got = row_refused(error, "").got
            raise InputRefused(
                "PROPOSAL_DAMAGED", expected=f"a proposal of format {_FORMAT}", got=got, remedy=remedy
            ) from None
        return Proposal(proposal_id, row, stale=row.base_sha256 != base_sha256)

    def _remove(self, proposal_id: str) -> None:
        self._private.remove(self._folder / f"{proposal_id}.json")

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One approval or rejection at a time on this host; the kernel frees the lock however we end."""
        if not self._folder.is_dir():
            yield  # no proposals, nothing to guard: the id will not be found
            return
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            until = time.monotonic() + self._patience_s
            while not _locked(descriptor):
                if time.monotonic() > until:
                    raise OutsideFailed(
                        "AUTHORITIES_LOCKED",
                        expected="one act upon the authorities at a time",
                        got="another process that holds the lock",
                        remedy="wait for it to end, then run the same command again",
                    )
                time.sleep(0.02)
            yield
        finally:
            os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _id_of(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def _next(authorities: Authorities, proposal: Proposal, *, by: str, now: datetime) -> Authorities:
    """The version that this proposal makes: every rule is asked here, when proposing and when approving."""
    row = proposal.row
    changed = done(row.act, authorities)
    recorded = RecordedAct(
        version=authorities.version + 1,
        kind=row.act.kind,
        ca_id=row.act.ca_id,
        summary=proposal.summary,
        reason=row.reason,
        proposal_id=proposal.proposal_id,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        approved_by=by,
        approved_at=now,
        before_sha256=row.base_sha256,
        after_sha256=authorities_sha256(changed),
    )
    made = Authorities(changed, version=recorded.version, acts=(*authorities.acts, recorded))
    check_succession(authorities, made)
    return made
