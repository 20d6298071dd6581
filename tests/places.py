"""Where things are, whichever folder a test stands in."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
CONF = REPOSITORY / "conf"
REAL_DATA = REPOSITORY.parent / "shared" / "data"  # beside a checkout, or absent: never committed
