"""Where things are, whichever folder a test stands in, and what stands for a figure."""

import base64
import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
CONF = REPOSITORY / "conf"
EXCERPTS = REPOSITORY / "tests" / "excerpts"
# Whole public data sets, never committed: only tests marked real_data read them, which run on request.
REAL_DATA = Path(os.environ.get("FOLDWISE_REAL_DATA", "FOLDWISE_REAL_DATA-is-not-set"))
ONE_WHITE_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
)
