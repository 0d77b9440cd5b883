"""``python -m platform_api.workers.worker``: one worker, started by the supervisor and never by hand.

It is the whole service as a single process would be, on a socket of its own, with its counters and its
serving word in the memory that it inherits.
"""

from __future__ import annotations

import sys

from platform_api.answering import answering
from platform_api.app import create_app
from platform_api.health import readiness
from platform_api.keys import LOG, METRICS, STORE
from platform_api.logs import LibraryMessages, take_over_logging
from platform_api.workers.order import handed_settings
from platform_api.workers.post import Post, man


async def work(post: Post) -> None:
    """Open everything, take connections, stop when told to."""
    app = create_app(handed_settings(post.given), place=post.place)
    take_over_logging(LibraryMessages(app[LOG], app[METRICS].request_malformed))

    def flip() -> None:
        if STORE in app:  # not before the snapshots are opened
            app[STORE].flip()

    async def ready_or_not() -> str:
        return (await readiness(app)).model_dump_json()

    post.flip, post.readiness = flip, ready_or_not
    post.metrics = lambda: app[METRICS].render().decode()
    async with answering(app, post.listener, post.stop) as ready:
        if ready:
            post.say_ready()
            await post.stop.wait()


if __name__ == "__main__":
    sys.exit(man(work))
