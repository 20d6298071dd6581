"""What explains a run, as files: a table, JSON, or a page."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.errors import ConfigError
from trainer.inference.attributed_rows import AttributedRow
from trainer.inference.attribution_page import attribution_page
from trainer.inference.explain_page import page
from trainer.inference.importance import Importances
from trainer.inference.output import output_file
from trainer.inference.show_attributions import attribution_table, attribution_values
from trainer.inference.show_importance import importance_table, importance_values
from trainer.store.own_files import lies_in_run, write_given
from trainer.wording.translations import N_

TABLES, PAGES, JSON = (".csv", ".tsv", ".parquet", ".pq"), (".html", ".htm"), ".json"
WHAT = N_("report")


def require_files(paths: Sequence[Path]) -> None:
    """Refuse a file that cannot be written, before anything is computed.

    Raises:
        ConfigError: it is of another kind, a directory, or in a directory that is not there.
    """
    for path in paths:
        if path.suffix.lower() not in (*TABLES, *PAGES, JSON):
            raise ConfigError(f"-o {path}: give a name that ends in .csv, .tsv, .parquet, .json or .html")
        if path.is_dir():
            raise ConfigError(f"-o {path} is a directory: give the name of a file to write")
        if lies_in_run(path):
            raise ConfigError(f"-o {path} lies in a run directory: write it elsewhere")
        if not path.parent.is_dir():
            raise ConfigError(f"-o {path}: there is no directory {path.parent}: make it first")


@dataclass(frozen=True)
class Forms:
    """What explains a run, in each form that can be written.

    Attributes:
        table: returns it as a ``pyarrow.Table``.
        values: returns it as plain values.
        page: returns it as HTML.
    """

    table: Callable[[], Any]
    values: Callable[[], dict[str, Any]]
    page: Callable[[], str]


def of_importances(found: Importances) -> Forms:
    """Return the forms of how important columns are."""
    return Forms(lambda: importance_table(found), lambda: importance_values(found), lambda: page(found))


def of_rows(run: str, rows: Sequence[AttributedRow]) -> Forms:
    """Return the forms of explained rows."""
    return Forms(lambda: attribution_table(rows), lambda: attribution_values(rows), lambda: attribution_page(run, rows))


def write_files(paths: Sequence[Path], found: Forms) -> None:
    """Write each file as its name ends.

    Raises:
        StorageError: one cannot be written.
    """
    for path in paths:
        ending = path.suffix.lower()
        if ending in TABLES:
            with output_file(path) as write:
                write(found.table())
        elif ending == JSON:
            text = json.dumps(found.values(), ensure_ascii=False, indent=1, allow_nan=False)
            write_given(path, f"{text}\n".encode(), WHAT)
        else:
            write_given(path, found.page().encode(), WHAT)
