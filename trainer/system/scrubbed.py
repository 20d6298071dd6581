"""What another library says, without what is secret in it."""

import os
import re

from trainer.system.paths import USER_OF_ADDRESS

SECRET_NAME = re.compile(r"key|token|secret|passw|credential", re.IGNORECASE)
SHORTEST_SECRET = 8  # characters: shorter values of such variables are words


def scrubbed(text: str) -> str:
    """Return a text without what is secret in it: passwords in addresses, values of variables that hold secrets."""
    text = USER_OF_ADDRESS.sub("***", text)
    for name, value in os.environ.items():
        if SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET:
            text = text.replace(value, "***")
    return text
