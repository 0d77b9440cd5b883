"""The neighbour of the JSON batches: aiohttp, orjson, a dict of what is listed, as anybody would write it.

``python -m benchmarks.json_batch_plain FILE``: FILE has a line of serial, reason and date for each entry.
Each status is an object of four members; evidence stands once, as with us. Nobody is identified.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

import orjson
import uvloop
from aiohttp import web

_HOLD: Final = 6


def _status(listed: tuple[int, str] | None) -> dict[str, Any]:
    if listed is None:
        return {"status": "GOOD", "reason_code": None, "revoked_at": None, "evidence": 0}
    word = "ON_HOLD" if listed[0] == _HOLD else "REVOKED"
    return {"status": word, "reason_code": listed[0], "revoked_at": listed[1], "evidence": 1}


async def main() -> None:
    """Serve until killed; the port goes to standard output."""
    known: dict[str, tuple[int, str]] = {}
    for line in (await asyncio.to_thread(Path(sys.argv[1]).read_text, encoding="ascii")).splitlines():
        serial, reason, date = line.split()
        known[serial] = int(reason), date
    evidence = {"snapshot_id": "x" * 36, "crl_number": "1", "this_update": "2026-11-30T00:00:00Z"}

    async def batch(request: web.Request) -> web.Response:
        asked = orjson.loads(await request.read())
        find = known.get
        statuses = [_status(find(serial)) for serial in asked["serial_numbers"]]
        answer = {"evidence": [evidence, evidence], "statuses": statuses}
        return web.Response(body=orjson.dumps(answer), content_type="application/json")

    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/v1/certificates:batchCheck", batch)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
