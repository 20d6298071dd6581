"""A server on this machine, in a thread of its own, for the length of a block."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from trainer.inference.predict_blend import Models
from trainer.inference.serving.app import serving_app
from trainer.inference.serving.limits import Limits
from trainer.inference.serving.served import Served, open_served
from trainer.inference.serving.server import address_of, listening_socket, make_server
from trainer.inference.serving.turns import Turns

SECONDS = 30.0


def opened(run: Path, **options) -> Served:
    return open_served(run, models=Models(device="cpu"), **options)


@contextmanager
def serving(served: Served, limits: Limits | None = None, **options) -> Iterator[httpx.Client]:
    """Yield a client of a server that runs; ``options`` are those of ``serving_app``."""
    limits = limits or Limits()
    with (
        closing(listening_socket("127.0.0.1", 0)) as listening,
        closing(Turns(limits.max_waiting, limits.timeout_seconds)) as turns,
    ):
        server = make_server(serving_app(served, limits, turns, **options), limits.max_waiting)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            with httpx.Client(base_url=address_of(listening), timeout=SECONDS, trust_env=False) as client:
                until(lambda: server.started)
                yield client
        finally:
            server.should_exit = True
            thread.join(SECONDS)


def until(holds) -> None:
    limit = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < limit, "never"
        time.sleep(0.01)
