"""What sends messages in tests: imported by the process of the sender too."""

import os
import time


class Kept:
    """Keeps what it is sent; ``fails`` times it raises first."""

    sent: list = []
    fails = 0

    def __init__(self, directory, ids, **options):
        self.directory, self.ids, self.options = directory, ids, options

    def send(self, messages):
        if type(self).fails:
            type(self).fails -= 1
            raise ConnectionError("the server is away")
        self.sent.extend(messages)

    def close(self):
        self.sent.append("closed")


class Refuses:
    def __init__(self, directory, ids):
        raise RuntimeError(f"no access to http://me:hunter22@host/x with {os.environ['MY_API_TOKEN']}")


class Sleeps(Kept):
    def send(self, messages):
        time.sleep(2)
