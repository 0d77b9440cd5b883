from mmap import mmap

def walk_revoked_certificates(
    data: bytes | bytearray | memoryview | mmap,
    start: int,
    end: int,
    extensions_allowed: bool,
    explicit_default: bool,
    generalized_before_2050: bool,
) -> tuple[bytes, int, int, int, int]: ...
