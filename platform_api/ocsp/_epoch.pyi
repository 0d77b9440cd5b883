from collections.abc import Callable, Hashable, Iterable
from typing import Final

from revocation.authorities import Authorities, Authority, Generation
from revocation.ocsp.response import ResponseTemplate
from revocation.ocsp.signing import ResponderIdentity
from revocation.snapshot.current import Snapshot

class Frame:
    identity: Final[ResponderIdentity]
    template: Final[ResponseTemplate]
    sign: Final[Callable[[bytes], bytes] | None]
    tail: Final[bytes]
    dates: Final[bytes]
    next_update: Final[int]
    until: Final[int]
    def __init__(
        self,
        identity: ResponderIdentity,
        template: ResponseTemplate,
        tail: bytes,
        dates: bytes,
        next_update: int,
        until: int,
    ) -> None: ...

class Signed:
    tag: Final[bytes]
    octets: Final[bytes]
    frame: Final[Frame]
    kind: Final[int]
    storable: Final[bool]
    def __init__(self, tag: bytes, octets: bytes, frame: Frame, kind: int, storable: bool) -> None: ...

class Epoch:
    number: Final[int]
    set_seq: Final[int]
    snapshot: Final[Snapshot | None]
    authorities: Final[Authorities]
    issuers: Final[list[tuple[Authority, Generation]]]
    frames: Final[list[Frame]]
    def __init__(
        self,
        number: int,
        snapshot: Snapshot | None,
        authorities: Authorities,
        issuers: Iterable[tuple[str, bytes, bytes, Authority, Generation]],
    ) -> None: ...
    def frame(self, what: Hashable, make: Callable[[], Frame]) -> int: ...
