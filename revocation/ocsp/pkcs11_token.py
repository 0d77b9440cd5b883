"""A PKCS #11 token (an HSM): one login and one session for each process, and what happens when it goes away.

Needs the optional package python-pkcs11 (``pip install jpki-status[pkcs11]``), imported only when a token is
used. It begins a library for one thread (C_Initialize without arguments), so that no two threads may ever be
inside: here they take turns, and more at once is had by more workers, each with a session of its own.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from revocation.errors import OutsideFailed
from revocation.ocsp.pkcs11_pin import read_pin

if TYPE_CHECKING:
    from pkcs11 import Session

#: How long a signature waits for its turn, and the login for another try after one that failed.
MOST_WAIT_S: Final = 2.0
RETRY_S: Final = 1.0

#: Who is inside a library, by its path; for all tokens and keys of this process.
_TURNS: Final[defaultdict[str, threading.Lock]] = defaultdict(threading.Lock)


class Token:
    """Lends the session in which the user is logged in. Nothing is opened before it is first asked for.

    A login is the process's, so there is one ``Token`` for each token, however many keys it holds; and a
    process that forks makes it afterwards.
    """

    def __init__(
        self,
        module: Path,
        label: str,
        pin_file: Path,
        *,
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
        self._turn: Final = _TURNS[self._module]
        self._session: Session | None = None
        #: Keys found in this session, by whoever looked for them.
        self._keys: dict[object, Any] = {}
        self._not_before = float("-inf")
        self._locked_out = False

    def __repr__(self) -> str:
        return f"Token({self._label!r})"

    @contextmanager
    def session(self) -> Iterator[tuple[Session, dict[object, Any]]]:
        """The session and the keys found in it so far, for one signature, to one thread at a time.

        Whatever the token refuses inside ends the login; the next begins anew. Raises ``OutsideFailed``
        where there is none to be had.
        """
        if not self._turn.acquire(timeout=self._most_wait_s):
            raise failed("TOKEN_BUSY", "a turn at the token", "too many before", "run more workers")
        try:
            session = self._opened()
            try:
                yield session, self._keys
            except RuntimeError as error:  # PKCS11Error is one
                self._drop()
                raise _gone(error) from None
        finally:
            self._turn.release()

    def rest(self) -> None:
        """Not to be asked again for ``RETRY_S``: it logs us in, and refuses all the same."""
        self._not_before = self._monotonic() + RETRY_S
        self.close()

    def close(self) -> None:
        """Log out; not where a call hangs inside, for it would hang as well."""
        if self._turn.acquire(timeout=self._most_wait_s):
            self._drop()
            self._turn.release()

    def _opened(self) -> Session:
        """One try for each ``RETRY_S``; after a refused PIN none, for a token locks itself after a few."""
        if self._session is not None:
            return self._session
        if self._locked_out:
            raise _pin_refused()
        if self._monotonic() < self._not_before:
            raise failed("TOKEN_RESTING", "the token", "none, a moment ago", "see that it is reachable")
        pin = read_pin(self._pin_file)
        try:
            self._session = self._logged_in(pin)
        except RuntimeError as error:
            self._not_before = self._monotonic() + RETRY_S
            self._forget_library()
            raise _gone(error) from None
        return self._session

    def _logged_in(self, pin: str) -> Session:
        import pkcs11

        token = pkcs11.lib(self._module).get_token(token_label=self._label)
        try:
            return token.open(user_pin=pin)
        except pkcs11.UserAlreadyLoggedIn:
            # By another part of this process; its login holds for every session.
            return token.open()
        except (
            pkcs11.PinIncorrect,
            pkcs11.PinLocked,
            pkcs11.PinExpired,
            pkcs11.PinInvalid,
            pkcs11.PinLenRange,
        ):
            self._locked_out = True
            raise _pin_refused() from None

    def _drop(self) -> None:
        """Perhaps it said no to this session alone, perhaps it is gone: all begins anew."""
        session, self._session = self._session, None
        self._keys = {}
        if session is not None:
            with suppress(RuntimeError):  # what is gone already cannot be given back
                session.close()

    def _forget_library(self) -> None:
        """Many libraries find a token that came back only when they are begun anew: C_Finalize now, and
        C_Initialize at the next try. Other tokens of the library lose their session by it, and open it anew.
        """
        import pkcs11

        with suppress(RuntimeError):
            pkcs11.lib(self._module).finalize()


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
