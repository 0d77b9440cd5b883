"""A PKCS #11 token (an HSM): one login, a bounded number of sessions, and what happens when it goes away.

Needs the optional package python-pkcs11 (``pip install jpki-status[pkcs11]``), imported only when a token is
used. A login is shared by all sessions of a process, so there is one ``Token`` for each token, however many
keys it holds; and a process that forks later must make it afterwards.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from revocation.errors import OutsideFailed
from revocation.ocsp.pkcs11_pin import read_pin

if TYPE_CHECKING:
    from pkcs11 import Session

#: How long a signature waits for a free session, and the login for another try after one that failed.
MOST_WAIT_S: Final = 2.0
RETRY_S: Final = 1.0

#: All of this process: a library can be begun anew only for all of its tokens.
_TOKENS: Final[WeakSet[Token]] = WeakSet()


@dataclass(slots=True, eq=False)
class Seat:
    """A session, and the keys found through it; used by one thread at a time."""

    session: Session
    login: int
    keys: dict[object, Any] = field(default_factory=dict)


class Token:
    """Lends sessions in which the user is logged in. Nothing is opened before the first is asked for."""

    def __init__(
        self,
        module: Path,
        label: str,
        pin_file: Path,
        *,
        sessions: int = 4,
        most_wait_s: float = MOST_WAIT_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``module``: the vendor's PKCS #11 library. The PIN is read from its file at each login and kept
        nowhere else: not in an argument, the environment, a log."""
        _imported()
        self._module: Final = str(module)
        self._label: Final = label
        self._pin_file: Final = pin_file
        self._monotonic: Final = monotonic
        self._most_wait_s: Final = most_wait_s
        self._free: Final = threading.BoundedSemaphore(sessions)
        self._lock: Final = threading.Lock()
        self._idle: list[Seat] = []
        self._lent = 0
        #: The session that logged in: never lent, for closing it logs all others out.
        self._door: Session | None = None
        #: Counts logins, so that a session of an earlier one is not taken for one of this.
        self._login = 0
        self._not_before = float("-inf")
        self._locked_out = False
        _TOKENS.add(self)

    def __repr__(self) -> str:
        return f"Token({self._label!r})"

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """A session for one signature. Whatever the token refuses inside ends this login; the next begins
        anew. Raises ``OutsideFailed`` where there is none to be had."""
        if not self._free.acquire(timeout=self._most_wait_s):
            raise failed("TOKEN_BUSY", "a free session of the token", "all in use", "allow it more sessions")
        try:
            seat = self._taken()
            try:
                yield seat
            except RuntimeError as error:  # PKCS11Error is one
                self._lost(seat)
                raise _gone(error) from None
            except BaseException:
                self._returned(seat)
                raise
            self._returned(seat)
        finally:
            self._free.release()

    def rest(self) -> None:
        """Not to be asked again for ``RETRY_S``: it logs us in, and refuses all the same."""
        with self._lock:
            self._close_all()
            self._not_before = self._monotonic() + RETRY_S

    def close(self) -> None:
        """Log out and give all idle sessions back."""
        with self._lock:
            self._close_all()

    def _taken(self) -> Seat:
        with self._lock:
            if self._idle:
                seat = self._idle.pop()
            else:
                try:
                    if self._door is None:
                        self._log_in()
                    seat = Seat(self._token().open(), self._login)
                except RuntimeError as error:
                    self._close_all()
                    self._not_before = self._monotonic() + RETRY_S
                    self._forget_library()
                    raise _gone(error) from None
            self._lent += 1
            return seat

    def _returned(self, seat: Seat) -> None:
        with self._lock:
            self._lent -= 1
            if seat.login == self._login and self._door is not None:
                self._idle.append(seat)
                return
            _closed(seat.session)

    def _lost(self, seat: Seat) -> None:
        """The token said no in this session: perhaps to it alone, perhaps it is gone. All begins anew."""
        with self._lock:
            self._lent -= 1
            _closed(seat.session)
            if seat.login == self._login:
                self._close_all()

    def _close_all(self) -> None:
        for seat in self._idle:
            _closed(seat.session)
        if self._door is not None:
            _closed(self._door)  # last, for it logs out
        self._idle, self._door = [], None

    def _log_in(self) -> None:
        """One try for each ``RETRY_S``; after a refused PIN none, for a token locks itself after a few."""
        import pkcs11

        if self._locked_out:
            raise _pin_refused()
        if self._monotonic() < self._not_before:
            raise failed("TOKEN_RESTING", "the token", "none, a moment ago", "see that it is reachable")
        pin = read_pin(self._pin_file)
        try:
            self._door = self._token().open(user_pin=pin)
        except pkcs11.UserAlreadyLoggedIn:
            # By another part of this process; its login holds for every session.
            self._door = self._token().open()
        except (
            pkcs11.PinIncorrect,
            pkcs11.PinLocked,
            pkcs11.PinExpired,
            pkcs11.PinInvalid,
            pkcs11.PinLenRange,
        ):
            self._locked_out = True
            raise _pin_refused() from None
        self._login += 1

    def _token(self) -> Any:
        import pkcs11

        return pkcs11.lib(self._module).get_token(token_label=self._label)

    def _forget_library(self) -> None:
        """Many libraries find a token that came back only when they are begun anew (C_Finalize, and
        C_Initialize at the next try). Not while anybody may be inside."""
        import pkcs11

        alone = all(other is self or other._module != self._module for other in _TOKENS)
        if alone and self._lent == 0:
            with suppress(RuntimeError):
                pkcs11.lib(self._module).finalize()


def _closed(session: Session) -> None:
    """What is gone already cannot be given back."""
    with suppress(RuntimeError):
        session.close()


def _gone(error: BaseException) -> OutsideFailed:
    """The error's kind alone: the texts of some libraries quote what they were given."""
    return failed(
        "TOKEN_GONE", "an answer of the token", type(error).__name__, "see that the token is reachable"
    )


def _pin_refused() -> OutsideFailed:
    return failed("TOKEN_PIN_REFUSED", "the PIN that the token wants", "another", "correct it, then restart")


def failed(code: str, expected: str, got: str, remedy: str) -> OutsideFailed:
    return OutsideFailed(code, expected=expected, got=got, remedy=remedy)


def _imported() -> None:
    try:
        import pkcs11  # noqa: F401
    except ImportError:
        raise failed(
            "PKCS11_MISSING",
            "the package python-pkcs11, which speaks to the token",
            "none installed",
            "install jpki-status[pkcs11]",
        ) from None
