"""One prediction at a time, and only so many that wait: what comes beyond is told to come again."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import torch

from trainer.errors import no_exit
from trainer.inference.serving.refused import RequestError

Result = TypeVar("Result")
RETRY_SECONDS = 1


class Turns:
    """The one thread that predicts.

    Args:
        most_waiting: requests beside the one that is predicted.
        timeout_seconds: of a request, waiting and predicting together.
    """

    def __init__(self, most_waiting: int, timeout_seconds: float) -> None:
        self.most_waiting, self.timeout_seconds = most_waiting, timeout_seconds
        self.here = 0
        # torch keeps the number of its threads for each thread apart
        begin = (torch.get_num_threads(),)
        self.thread = ThreadPoolExecutor(1, "foldwise-predict", torch.set_num_threads, begin)

    def require_room(self) -> None:
        """Refuse a request that would be one too many.

        Raises:
            RequestError: there are enough.
        """
        if self.here > self.most_waiting:
            raise RequestError(
                503, f"{self.most_waiting} requests wait already: send it again later", retry_seconds=RETRY_SECONDS
            )

    async def take(self, work: Callable[[], Result]) -> Result:
        """Return what the thread makes of ``work`` when its turn has come.

        Raises:
            RequestError: too many wait, or it took too long; what runs then ends before the next begins.
        """
        self.require_room()
        self.here += 1
        loop = asyncio.get_running_loop()
        future: Future[Result] = self.thread.submit(no_exit()(work))
        future.add_done_callback(lambda _: self._leave_in(loop))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.timeout_seconds)
        except TimeoutError as late:
            if future.done() and not future.cancelled():  # the work's own
                raise
            raise RequestError(
                504, f"no answer within {self.timeout_seconds:g} seconds: send fewer rows", retry_seconds=RETRY_SECONDS
            ) from late

    def _leave_in(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the server has ended meanwhile
            loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        self.here -= 1

    def close(self) -> None:
        """Let the prediction that runs end, and none begin."""
        self.thread.shutdown(cancel_futures=True)
