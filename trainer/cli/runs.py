"""``foldwise runs``: all runs below a folder as one table."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainer.cli.predict import Plugins
from trainer.errors import ConfigError

if TYPE_CHECKING:
    from trainer.report.fitted_table import Column
    from trainer.search.run_list import Listing

EXAMPLES = """\b
Examples:
  foldwise runs
  foldwise runs --metric roc_auc --sort metric --where state=finished
  foldwise runs --where loss=focal --where data=94acfe61 --html runs.html
  foldwise runs --group loss --group amp
  foldwise runs ~/experiments --csv runs.csv"""

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="folder of runs, which may be in folders of it")]
Metric = Annotated[str | None, typer.Option(metavar="METRIC", help="to show; default: the first of each run")]
Sort = Annotated[
    str,
    typer.Option(
        metavar="KEY",
        help="name, metric (the best first), mean, sd, time, started, done, job, state, data, folds, sweep or a "
        "setting such as optimizer.lr; -KEY the other way round",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="only runs with a setting (loss=focal), or state=, data= and folds= (as shown), sweep=, name= (* for any "
        "letters); repeat to narrow down",
    ),
]
By = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="KEY", help="the mean over runs that have a setting in common; repeat for several"),
]
Best = Annotated[
    bool,
    typer.Option("--best", help="say what the best run is worth, corrected for having been picked (BBC-CV), by group"),
]
Csv = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="write all figures, and do not print them")]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="write a page that sorts and filters")]


def runs(
    folder: Folder = Path("runs"),
    *,
    metric: Metric = None,
    sort: Sort = "name",
    where: Where = None,
    group: By = None,
    best: Best = False,
    csv: Csv = None,
    html: Html = None,
    plugins: Plugins = None,
) -> None:
    """List all runs below a folder: metric with interval, data, folds, time, state, and the settings that differ.

    A sweep's jobs are runs. What is damaged, or no run, is a row that says why. Where there are many runs, what was
    read is kept in DIR/.foldwise-runs.json, which may be deleted at any time.
    """
    from trainer.search.run_folder import read_runs
    from trainer.search.run_list import listed, load_metrics

    for option, file, suffix in (("--csv", csv, ".csv"), ("--html", html, ".html")):
        if file is not None and file.suffix.lower() != suffix:
            raise ConfigError(f"{option} {file}: a name that ends in {suffix}")
    records = read_runs(folder)
    load_metrics(records, metric, plugins or [])
    listing = listed(records, metric=metric, sort=sort, where=where or [])
    if not listing.records:
        print(f"{folder}: {f'none of {listing.n_all} runs is as --where asks' if listing.n_all else 'no runs'}")
        return
    if group:
        _show_groups(listing, group, csv, html)
    else:
        _write(listing, folder, csv, html)
    if best:
        from trainer.search.picked import best_lines

        print("\n".join(best_lines(folder, listing, group or [])))


def _write(listing: "Listing", folder: Path, csv: Path | None, html: Path | None) -> None:
    from trainer.report.fitted_table import fitting
    from trainer.search.run_columns import csv_bytes, file_rows, run_columns
    from trainer.search.run_page import runs_page
    from trainer.store.own_files import write_given

    n = f"{len(listing.records)} runs" if len(listing.records) > 1 else "1 run"
    if csv is not None:
        write_given(csv, csv_bytes(file_rows(listing)), "list of runs")
        print(f"{n}: {csv}")
    if html is not None:
        write_given(html, runs_page(listing, str(folder)).encode(), "list of runs")
        print(f"{n}: {html}")
    if csv is None and html is None:
        width, columns = _width(), run_columns(listing)
        shown = fitting(columns, width)
        _print_table(shown, width)
        hidden = [column.heading for column in columns if column not in shown]
        if hidden:
            print(f"not shown, for the width: {', '.join(hidden)} (--csv FILE and --html FILE have all)")


def _show_groups(listing: "Listing", keys: Sequence[str], csv: Path | None, html: Path | None) -> None:
    from trainer.report.fitted_table import fitting
    from trainer.search.run_columns import csv_bytes, group_columns, group_rows
    from trainer.search.run_groups import group_notes, grouped
    from trainer.store.own_files import write_given

    if html is not None:
        raise ConfigError("--group goes with --csv: the page has every run in a row of its own")
    metric, groups = grouped(listing, keys)
    if csv is not None:
        write_given(csv, csv_bytes(group_rows(metric, keys, groups)), "list of runs")
        print(f"{len(groups)} groups: {csv}")
        return
    width = _width()
    _print_table(fitting(group_columns(metric, keys, groups), width), width)
    for note in group_notes(metric, keys, groups):
        print(f"note: {note}")


def _print_table(columns: "Sequence[Column]", width: int | None) -> None:
    from trainer.report.fitted_table import table_lines
    from trainer.wording.printable import let_print_anything

    let_print_anything()
    print("\n".join(table_lines(columns, width)))


def _width() -> int | None:
    """Return the terminal's width; None where there is none, as behind a pipe."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return max(40, shutil.get_terminal_size().columns)
    return None
