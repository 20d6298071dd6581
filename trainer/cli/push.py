"""``foldwise push`` and ``foldwise pull``: a run to an object store, and back."""

from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[Path, typer.Argument(metavar="RUN", help="run directory, such as runs/a1")]
Url = Annotated[str, typer.Argument(metavar="URL", help="where its copy is, such as s3://bucket/runs/a1")]
Target = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", help="directory to fetch it into; default: runs/ and the last part of URL"),
]


def push(run: Run, url: Url) -> None:
    """Send what the copy of a run lacks to an object store or folder, each file checked by its sha256."""
    from trainer.report.terminal import line_printer, terminal
    from trainer.store.object_store import push as send

    print_line = line_printer(terminal())
    sent = send(run, url, print_line)
    print_line(f"{url}: {sent.new} files sent ({sent.bytes / 1e6:.1f} MB), {sent.known} were there")


def pull(url: Url, directory: Target = None) -> None:
    """Fetch a run from where foldwise push has sent it, to be resumed, merged or reported here."""
    from trainer.report.terminal import line_printer, terminal
    from trainer.store.object_store import pull as fetch

    run = directory or Path("runs") / url.rstrip("/").rpartition("/")[2]
    line_printer(terminal())(f"{run}: {fetch(url, run)} files fetched")
