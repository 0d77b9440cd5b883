"""``python -m tests.base.tiny_worker``: a worker by the product's ``post`` that serves nothing.

``given["does"]``: "serve"; "listen" (asked for metrics it says the news that it has got); "hang" (deaf to
SIGTERM); "die" (at the start, without a word).
"""

from __future__ import annotations

import asyncio
import os
import sys

from platform_api.workers.layout import State
from platform_api.workers.post import Post, man


async def work(post: Post) -> None:
    does = post.given["does"]
    if does == "die":
        os._exit(7)
    post.metrics = lambda: f"worker {post.place.part.index}\n"
    if does == "listen":
        post.metrics = lambda: " ".join(str(post.news.get_nowait()["n"]) for _ in range(post.news.qsize()))
    post.place.serving.prepared(5)
    post.place.part.enter(State.SERVING)
    post.say_ready()
    await (asyncio.Event() if does == "hang" else post.stop).wait()


if __name__ == "__main__":
    sys.exit(man(work))
