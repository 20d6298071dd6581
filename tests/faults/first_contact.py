"""Tables as people have them, each with one thing that is odd; and what a person must get of it.

The text of a file is written here cell by cell, and what it must be read as is given beside it, not computed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trainer.audit.standalone import audit_file
from trainer.data.columns.options import ColumnOptions
from trainer.data.samples import DataSpec, Samples, Texts
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.data.sources.csv_text import load_csv_text

DELIMITERS = {"csv": ",", "tsv": "\t"}
FORMATS = ("csv", "tsv", "jsonl", "parquet")
N_ROWS = 24  # as many as the audit asks for


@dataclass(frozen=True)
class Case:
    """One odd table.

    Attributes:
        columns: its cells, as text or (jsonl and Parquet only) as numbers, lists, None.
        want: what it must be read as, by column; ``label`` as class names, or sets of them; None for a row left out.
        options: set from the start.
        said: words of the notes, or of the findings of the audit, where it is read.
        refused: words of the error, where it is not; one of them names a row, a column or an option.
        mended: options that the error or the note names; with them it is read as ``want`` has it.
        formats: it can be written in.
        layout: changes the lines of a delimited file; the first one is the header.
    """

    columns: Mapping[str, Sequence[Any]]
    want: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    mended: Mapping[str, Any] | None = None
    formats: tuple[str, ...] = FORMATS
    layout: Callable[[list[str], str], list[str]] | None = None


@dataclass(frozen=True)
class Writing:
    """How a delimited file is written, where nothing about it is odd: what is read must be the same."""

    line_end: str = "\n"
    byte_order_mark: bool = False
    all_quoted: bool = False
    last_line_ends: bool = True


def written(case: Case, kind: str, directory: Path, writing: Writing | None = None) -> Path:
    """Write the table of a case and return where."""
    path = directory / f"table.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({name: pa.array(list(cells)) for name, cells in case.columns.items()}), path)
    elif kind == "jsonl":
        rows = zip(*case.columns.values(), strict=True)
        lines = [json.dumps(dict(zip(case.columns, row, strict=True)), ensure_ascii=False) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        path.write_bytes(_delimited(case, DELIMITERS[kind], writing or Writing()))
    return path


def _delimited(case: Case, delimiter: str, writing: Writing) -> bytes:
    def cell(text: str) -> str:
        plain = not any(char in text for char in (delimiter, '"', "\n"))
        return text if plain and not writing.all_quoted else '"' + text.replace('"', '""') + '"'

    rows = [list(case.columns), *zip(*case.columns.values(), strict=True)]
    lines = [delimiter.join(map(cell, row)) for row in rows]
    lines = lines if case.layout is None else case.layout(lines, delimiter)
    text = writing.line_end.join(lines) + writing.line_end * writing.last_line_ends
    return ("\ufeff" * writing.byte_order_mark + text).encode()


def read(path: Path, options: Mapping[str, Any]) -> tuple[dict[str, list[Any]], str]:
    """Read a table as a run and as ``foldwise audit`` do; return the cells by column, and all that is said."""
    of_all = {one.name for one in fields(ColumnOptions)}
    columns = replace(ColumnOptions(), **{name: value for name, value in options.items() if name in of_all})
    own = {name: value for name, value in options.items() if name not in of_all}
    load: Callable[..., tuple[Samples, DataSpec]] = load_csv_text if "text" in own else load_csv_tabular
    samples, spec = load(str(path), columns, **own)
    said = list(spec.notes)
    if not own.keys() - {"text", "drop"}:  # what the audit's command line has
        said += [f"{one.message} {one.fix}" for one in audit_file(path, columns, tell=said.append, **own)]
    return _cells(samples, spec), "\n".join(said)


def _cells(samples: Samples, spec: DataSpec) -> dict[str, list[Any]]:
    if not spec.classes:
        found = {"label": samples.target.tolist()}
    elif samples.target.ndim == 1:
        found = {"label": [spec.classes[code] for code in samples.target]}
    else:
        found = {"label": [{spec.classes[place] for place in row.nonzero()[0]} for row in samples.target]}
    if isinstance(samples.inputs, Texts):
        found["text"] = list(samples.inputs.texts)
    else:
        table = samples.inputs
        found |= {name: table.numeric_NF[:, place].tolist() for place, name in enumerate(table.numeric)}
        found |= {name: table.categorical_NK[:, place].tolist() for place, name in enumerate(table.categorical)}
    groups = {} if samples.groups_N is None else {"group": samples.groups_N.tolist()}
    return {**found, **groups, "id": samples.ids_N.tolist()}
