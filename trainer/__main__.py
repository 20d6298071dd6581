"""``python -m trainer``: the same as the console script ``foldwise``."""

import sys

from trainer.cli.main import main

sys.exit(main())
