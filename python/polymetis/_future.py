"""What `run_async` gives."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any

__all__ = ["RunFuture"]


class RunFuture(Future[None]):
    """The end of one run: waited for with `result(timeout)` or with `await`.

    A run that was queued cannot be cancelled; cancelling the task that awaits it ends the wait only.
    """

    def __await__(self) -> Generator[Any, None, None]:
        return asyncio.wrap_future(self).__await__()


def run_future() -> RunFuture:
    """One that is running already."""
    future = RunFuture()
    future.set_running_or_notify_cancel()
    return future


RunFuture.__module__ = "polymetis.axruntime"
