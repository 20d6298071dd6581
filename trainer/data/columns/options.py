"""What every table source is told of its file: which column does what, and how the file is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from trainer.system.paths import PathText

Names = str | int | Sequence[str | int]
ClassName = str | int | float | bool | None  # as YAML has it; None = none is named
LISTS_OF_ONE = ("missing_labels", "header", "class_order")  # options whose value is a list, even of one word


@dataclass(frozen=True)
class ColumnOptions:
    """The options that all table sources share.

    A field here is an option of each of them, with its default and its description: ``data.<field>`` of a run, where
    ``conf/data/_columns.yaml`` repeats it, and ``--<field>`` of ``foldwise split`` and ``foldwise audit``.
    """

    label: Annotated[Names, "one column, a list of 0/1 columns (multi-label), or a pattern such as label:*"] = "label"
    id: Annotated[str | None, "column with unique row names; null = file names of images, else row numbers from 0"] = (
        None
    )
    group: Annotated[
        str | None, "column with the group of each row (kept in one fold by cv=group and cv=stratified_group)"
    ] = None
    time: Annotated[str | None, "column with a number, a date or an ISO time for each row (cv=time splits by it)"] = (
        None
    )
    split: Annotated[
        str | None, "column with the fold of each row: 0, 1, ... or train and test (cv=predefined splits by it)"
    ] = None
    weight: Annotated[str | None, "column with sample weights, which are no feature"] = None
    votes: Annotated[
        str | None,
        'column with how many people gave each class, such as \'{"good": 2, "bad": 1}\': trains on the shares',
    ] = None
    label_delimiter: Annotated[str | None, "between the labels of one cell (multi-label), such as '|'"] = None
    encoding: Annotated[str, "of the table: utf-8, gb18030, big5, cp1252, utf-16, ..."] = "utf-8"
    delimiter: Annotated[
        str | None, "between cells, one character, or tab; null = comma for .csv, TAB for .tsv and .txt"
    ] = None
    format: Annotated[
        str | None, "how the file is written: delimited, parquet, json_lines, ...; null = as its ending and content say"
    ] = None
    table: Annotated[str | None, "the sheet, the table or the file to read, where the file holds several"] = None
    task: Annotated[
        str | None, "binary, multiclass, multilabel or regression; null = inferred from labels and loss"
    ] = None
    quote: Annotated[str, "double, or none where a double quote is a plain character (as in GLUE's .tsv)"] = "double"
    header: Annotated[
        Names | None,
        "first = the first line has the names, none = it is a row, or a list of names; null = first, if it may be",
    ] = None
    spellings: Annotated[
        str, "of one label, group or id in two writings (Yes, yes, yes.): refuse, join (one) or apart (several)"
    ] = "refuse"
    missing_labels: Annotated[
        Sequence[str | int], "labels that mean no label, such as ['?',-1]: rows with them are left out"
    ] = ()
    positive: Annotated[
        ClassName,
        "the positive one of two classes; null = as their names say (yes, 1, pos, ...), else the rarer one",
    ] = None
    class_order: Annotated[
        Sequence[str | int | float],
        "all classes, the lowest first, for metrics of ordered ones; empty = numbers by value, others by text",
    ] = ()
    exclude: Annotated[
        PathText | None, "file with the ids of rows to leave out, such as foldwise inspect writes; null = none"
    ] = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns, or patterns of columns, of the label: ``--label COL`` has a list of one, an option one name."""
        return (str(self.label),) if isinstance(self.label, str | int) else tuple(map(str, self.label))
