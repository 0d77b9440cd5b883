"""The neighbour that anybody would write first: an aiohttp handler with every answer ready in a dict."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import uvloop
from aiohttp import web


async def main() -> None:
    """Serve until killed; the port goes to standard output."""
    answer = await asyncio.to_thread(Path(sys.argv[1]).read_bytes)
    answers: dict[bytes, bytes] = {}

    async def ocsp(request: web.Request) -> web.Response:
        asked = await request.read()
        return web.Response(body=answers.setdefault(asked, answer), content_type="application/ocsp-response")

    app = web.Application()
    app.router.add_post("/ocsp", ocsp)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
