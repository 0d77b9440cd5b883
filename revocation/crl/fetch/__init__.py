"""Fetch lists to files, over HTTP(S) or from a folder. Nothing is parsed here, and nothing half is handed on.

Each list gets its final name by a rename when it is whole, so whatever ends the process, a file under a final
name is a whole download. What was cut off may stay as a part (``crl/parts.py``) and goes on where the server
vouches that the list is still the same. All file I/O runs in threads.
"""

from revocation.crl.fetch.folder_source import FolderSource
from revocation.crl.fetch.http_source import HttpSource
from revocation.crl.fetch.results import (
    Failed,
    Fetched,
    FetchLimits,
    FetchResult,
    ListSource,
    NotModified,
)
from revocation.crl.fetch.tls import list_server_tls

__all__ = [
    "Failed",
    "FetchLimits",
    "FetchResult",
    "Fetched",
    "FolderSource",
    "HttpSource",
    "ListSource",
    "NotModified",
    "list_server_tls",
]
