"""How a table would be trained on: which source reads it and with which options, and the loader called with them."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pyarrow as pa

from trainer.config.help import INSTALLED_DOOR
from trainer.config.overrides import command, written
from trainer.data.columns.options import LISTS_OF_ONE, ColumnOptions
from trainer.data.readers.contract import OpenTable
from trainer.data.samples import DataSpec, Samples
from trainer.data.sources.csv_tabular import table_samples
from trainer.data.sources.csv_text import text_samples
from trainer.data.sources.image_csv import image_samples

MODELS = {"csv_tabular": "mlp", "csv_text": "text_cnn", "image_csv": "image_cnn", "image_folder": "image_cnn"}
ANY_LABEL = "any label"  # a column that stands for the label while files are looked for
MOST_IMAGES = 64  # of a table whose files are looked for
LISTS = (*LISTS_OF_ONE, "drop", "categorical")
IN_AUDIT = ("text", "drop", "images", "file")  # options that foldwise audit has besides those of columns


@dataclass(frozen=True)
class LoadingPlan:
    """A source, and what it is told.

    Attributes:
        source: csv_tabular, csv_text or image_csv.
        columns: the options of all tables.
        others: further options of the source, such as ``text`` or ``drop``.
        cv: options of the split, such as ``["cv=predefined"]``.
        loss: the option of the loss, or empty.
    """

    source: str
    columns: ColumnOptions
    others: Mapping[str, Any] = field(default_factory=dict)
    cv: tuple[str, ...] = ()
    loss: str = ""

    def load(self, opened: OpenTable, name: str) -> tuple[Samples, DataSpec]:
        """Call the loader with the rows looked at.

        Args:
            opened: the rows.
            name: of the file, in messages.

        Raises:
            FoldwiseError: whatever a run would refuse.
        """
        others = dict(self.others)
        if self.source == "csv_text":
            return text_samples(opened, name, self.columns, **others)
        if self.source == "image_csv":
            _require_images(opened, name, others)
            return text_samples(opened, name, self.columns, text=others["file"])  # all labels, without the images
        return table_samples(opened, name, self.columns, **others)

    def reads_as(self, other: "LoadingPlan") -> bool:
        """Return whether another plan reads the same."""
        return (self.source, self.columns, self.others) == (other.source, other.columns, other.others)

    def with_setting(self, setting: Mapping[str, Any]) -> "LoadingPlan":
        """Return the plan with options set; of lists of columns, with more of them."""
        of_columns = {item.name for item in fields(ColumnOptions)}
        columns: dict[str, Any] = {name: _as_null(value) for name, value in setting.items() if name in of_columns}
        others = dict(self.others)
        for name, value in setting.items():
            if name not in of_columns and not isinstance(value, list):
                others[name] = value
            elif name not in of_columns:
                known = list(others.get(name, ()))
                others[name] = [*known, *(item for item in value if item not in known)]
        return replace(self, columns=replace(self.columns, **columns), others=others)

    def without(self, role: str) -> "LoadingPlan":
        """Return the plan with no column in a role."""
        unset: dict[str, Any] = {role: None}
        return replace(self, columns=replace(self.columns, **unset))

    def train_command(self, path: str) -> str:
        """Return the command that trains, as it is typed in a shell."""
        values = {"path": path, **given_fields(self.columns), **self.others}
        data = [_option(name, value) for name, value in values.items() if value not in ((), [], "")]
        items = [f"data={self.source}", *data, f"model={MODELS[self.source]}", *filter(None, [self.loss]), *self.cv]
        return command(INSTALLED_DOOR, items)

    def data_call(self) -> str:
        """Return the rows of a frame as a Python program names them."""
        given = {**given_fields(self.columns), **self.others}
        function = "texts" if self.source == "csv_text" else "table"
        return (
            f"fw.{function}({', '.join(['frame', *(f'{name}={value!r}' for name, value in given.items() if value)])})"
        )

    def train_call(self) -> str:
        """Return the call that trains on a frame."""
        options = {"model": MODELS[self.source], "loss": self.loss.removeprefix("loss="), "cv": self._split_argument()}
        given = ", ".join(f"{name}={value!r}" for name, value in options.items() if value)
        return f"fw.cross_validate({self.data_call()}, {given})"

    def _split_argument(self) -> Any:
        """Return ``cv`` as a call has it: a choice, settings, or both."""
        items = dict(item.split("=") for item in self.cv)
        choice = items.pop("cv", None)
        settings: dict[str, Any] = {
            name.removeprefix("cv."): int(value) if value.isdigit() else value for name, value in items.items()
        }
        return (choice, settings) if choice and settings else choice or settings

    def audit_call(self) -> str:
        """Return the call that looks for leaks in a frame."""
        return f"fw.audit({self.data_call()})"

    def audit_command(self, path: str) -> str:
        """Return the command that looks for leaks, as it is typed in a shell."""
        flags = {**given_fields(self.columns), **{name: self.others.get(name) for name in IN_AUDIT}}
        flags["drop"] = [*(self.others.get("drop") or ()), *(self.others.get("categorical") or ())]
        if self.source == "csv_text":
            flags["text"] = [*_as_list(self.others.get("text")), *_as_list(self.others.get("pair"))]
            flags["drop"] = []
        words = ["foldwise audit", shlex.quote(path)]
        for name, value in flags.items():
            if name == "header" and isinstance(value, list | tuple):
                value = ",".join(map(str, value))
            words += [f"--{name.replace('_', '-')} {shlex.quote(str(item))}" for item in _as_list(value)]
        return " ".join(words)


def _require_images(opened: OpenTable, name: str, others: dict[str, Any]) -> None:
    """Call the loader of images with a few rows, whatever their labels: are the files there, and can they be read?"""
    rows = opened.rows.slice(0, MOST_IMAGES).select([others["file"]])
    some = pa.array([str(row % 2) for row in range(rows.num_rows)])
    few = replace(opened, rows=rows.append_column(ANY_LABEL, some), known={})
    image_samples(few, name, ColumnOptions(label=ANY_LABEL), **others)


def given_fields(columns: ColumnOptions) -> dict[str, Any]:
    """Return the options that are set, the label always."""
    given = {item.name: getattr(columns, item.name) for item in fields(ColumnOptions)}
    default = ColumnOptions()
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if name == "label" or value != getattr(default, name)
    }


def _as_null(value: Any) -> Any:
    return None if value == "null" else value


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


def _option(name: str, value: Any) -> str:
    return f"data.{name}={written(value, in_list=name in LISTS)}"


def as_options(setting: Mapping[str, Any]) -> str:
    """Write settings as they stand in the command."""
    return " ".join(_option(name, value) for name, value in setting.items() if value != ())
