from revocation.index._ahead import LinesAhead
from revocation.index._table import Table

class Check:
    def __init__(
        self,
        table: Table,
        declared: bytes,
        listed: int,
        ahead: LinesAhead | None = None,
        lets_go: bool = False,
    ) -> None: ...
    @property
    def lines_ahead(self) -> int: ...
    def advance(self, end: int) -> None: ...
    def finish(self) -> list[int]: ...
