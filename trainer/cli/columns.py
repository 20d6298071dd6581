"""The options of columns on the command line: FILE, and one option for each field of ``ColumnOptions``."""

import re
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from trainer.data.columns.options import ColumnOptions
from trainer.errors import ConfigError
from trainer.system.paths import PathText, is_path
from trainer.wording.translations import _

File = Annotated[PathText, typer.Argument(metavar="FILE", help="a table: docs/guide/formats.md")]
Texts = Annotated[
    list[str] | None,
    typer.Option(metavar="COL", help="text, repeat for several; without it columns without a role are features"),
]
Drop = Annotated[list[str] | None, typer.Option(metavar="COL", help="column to leave out; repeat for several")]
LISTS = ("label", "missing_labels", "class_order")  # given several times
METAVARS = {
    "quote": "QUOTE",
    "header": "NAMES",
    "spellings": "RULE",
    "missing_labels": "WORD",
    "delimiter": "C",
    "label_delimiter": "C",
    "encoding": "NAME",
    "exclude": "FILE",
    "format": "NAME",
    "table": "NAME",
    "task": "TASK",
    "positive": "CLASS",
    "class_order": "CLASS",
}


def with_columns(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command that takes ``columns: ColumnOptions`` be given its fields as options, ``--label`` several times.

    ``columns.label`` is a list, empty where it is not given.
    """
    names = [field.name for field in fields(ColumnOptions)]

    @wraps(command)
    def run(**options: Any) -> None:
        command(columns=_columns({name: options.pop(name) for name in names}), **options)

    parameters = []
    for parameter in signature(command, eval_str=True).parameters.values():
        parameters += _field_parameters() if parameter.name == "columns" else [parameter]
    keyword_only = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in parameters]
    vars(run)["__signature__"] = signature(command).replace(parameters=keyword_only)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in keyword_only}
    return run


def _columns(options: dict[str, Any]) -> ColumnOptions:
    given = {name: value for name, value in options.items() if value is not None}
    if "," in given.get("header", ""):
        given["header"] = given["header"].split(",")
    return ColumnOptions(**{"label": [], **given})


def _field_parameters() -> list[Parameter]:
    hints = get_type_hints(ColumnOptions, include_extras=True)
    return [_parameter(field.name, hints[field.name], field.default) for field in fields(ColumnOptions)]


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    without_cv = re.sub(r" \([^)]*\bcv=[^)]*\)", "", hint.__metadata__[0])
    about = without_cv.replace("null = ", "default: ").replace("empty = ", "default: ")
    text = PathText if is_path(hint) else str
    kind: Any = text if isinstance(default, str) else text | None
    if name in LISTS:
        kind, default, about = list[str] | None, None, f"{about}; repeat for several"
    elif name == "header":
        about = about.replace("a list of names", "the names with commas between")
    option = typer.Option(metavar=METAVARS.get(name, "COL"), help=about, show_default=default is not None)
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def require_label(columns: ColumnOptions, file: str) -> None:
    """Refuse columns without a label.

    Raises:
        DataError: the file is not there, which is said first.
        ConfigError: none is given.
    """
    if not columns.label:
        from trainer.data.readers.tables import check_openable

        check_openable(Path(file))
        raise ConfigError(_("--label COL is missing: the column with the label"))


def given_columns(columns: ColumnOptions) -> list[str]:
    """Return the fields that were given."""
    return [field.name for field in fields(columns) if getattr(columns, field.name) not in (field.default, [])]
