"""``docs/reference/commands.md``, made of the commands' own help: ``python -m trainer.cli.reference > FILE``."""

import sys

from typer import Context
from typer.cli import get_docs_for_click
from typer.main import get_command

from trainer.cli.main import application

INTRODUCTION = """\
# Commands

`python train.py` trains ([options](options.md)); `foldwise` (the same as `python -m trainer`) does the rest. This page
is written by `make reference` from what `--help` prints; a test holds it to the code.

"""


def reference() -> str:
    """Return the whole page."""
    command = get_command(application())
    context = Context(command, info_name="foldwise")
    page = get_docs_for_click(obj=command, ctx=context, name="foldwise", title="foldwise")
    return INTRODUCTION + page.replace("\n# foldwise", "\n## foldwise").removeprefix("# foldwise\n\n").strip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
