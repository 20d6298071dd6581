"""The machine-readable results: cv.json, oof.parquet and oof.csv."""

import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from trainer.results import Baseline, CVResult, Lead, MetricSummary, OutOfFold
from trainer.system import arrow_files
from trainer.system.arrow_files import as_numpy, as_table, as_words, read_parquet
from trainer.system.files import Content, write_bytes
from trainer.system.folders import read_file
from trainer.system.spreadsheets import HARMFUL
from trainer.tasks import TASKS, Task
from trainer.wording.translations import N_

if TYPE_CHECKING:
    import pyarrow as pa


ROWS_AT_A_TIME = 1 << 20  # that are made a table, and a row group of pyarrow's usual size


def write_cv_json(path: Path, result: CVResult) -> None:
    """Write the result as JSON; values that JSON lacks (NaN, infinity) become null.

    Raises:
        StorageError: it cannot be written.
    """
    text = json.dumps(plain(asdict(result) | {"task": result.task.name}), indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode(), root=path.parent, what=N_("result"))


def read_cv_json(path: Path) -> CVResult:
    """Read what ``write_cv_json`` wrote; null numbers come back as NaN."""
    fields = json.loads(read_file(path, path.parent))
    fields["task"] = TASKS[fields["task"]]
    fields["classes"] = tuple(fields["classes"])
    fields["metrics"] = {name: _summary(values) for name, values in fields["metrics"].items()}
    fields["optimism"] = {name: _number(value) for name, value in fields["optimism"].items()}
    fields["baselines"] = {name: _baseline(values) for name, values in fields.get("baselines", {}).items()}
    return CVResult(**fields)


def plain(value: Any) -> Any:
    """Return a value as JSON knows it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _summary(values: dict[str, Any]) -> MetricSummary:
    ci95 = values["ci95"]
    return MetricSummary(
        folds=tuple(_number(value) for value in values["folds"]),
        mean=_number(values["mean"]),
        sd=_number(values["sd"]),
        oof=_number(values["oof"]),
        ci95=None if ci95 is None else (ci95[0], ci95[1]),
    )


def _baseline(values: dict[str, Any]) -> Baseline:
    leads = {
        name: Lead(
            folds=tuple(_number(value) for value in lead["folds"]),
            mean=_number(lead["mean"]),
            sd=_number(lead["sd"]),
            oof=_number(lead["oof"]),
            ci95=None if lead["ci95"] is None else (lead["ci95"][0], lead["ci95"][1]),
        )
        for name, lead in values["lead"].items()
    }
    metrics = {name: _summary(summary) for name, summary in values["metrics"].items()}
    return Baseline(values["model"], metrics, leads, values["seconds"], values["skipped"])


def write_oof(directory: Path, oof: OutOfFold, classes: Sequence[str], task: Task, *, stem: str = "oof") -> None:
    """Write ``oof.parquet`` and ``oof.csv`` (or of another ``stem``): one row per input row and repeat, in input order.

    Columns: ``id``, ``fold``, ``repeat``, ``target`` (class index; multi-label: ``target_<label>`` of 0/1),
    ``proba_<class>``..., ``logit_<i>``..., ``loss``; of numbers ``target``, ``prediction`` and ``loss``. The Parquet
    file carries task and classes as metadata and has the same bytes for the same rows. In the CSV an id that a
    spreadsheet would take for a harmful formula gets a leading apostrophe (``trainer.system.spreadsheets``).

    Raises:
        StorageError: it cannot be written.
    """
    starts = range(0, len(oof.ids), ROWS_AT_A_TIME)
    whole = oof_table(oof, classes, task) if len(starts) <= 1 else None
    for ending, written in (("parquet", _write_parquet), ("csv", _write_csv)):
        if whole is not None:  # then it is known how much room it takes
            content = bytearray()
            written(iter([whole]), content.extend)
            data: Content = memoryview(content)
        else:
            parts = (_entries(oof, slice(start, start + ROWS_AT_A_TIME)) for start in starts)
            data = partial(written, (oof_table(part, classes, task) for part in parts))
        write_bytes(directory / f"{stem}.{ending}", data, root=directory, what=N_("out-of-fold predictions"))


def _entries(oof: OutOfFold, kept: slice) -> OutOfFold:
    """Return some entries."""
    fields = {name: values[kept] for name, values in vars(oof).items() if values is not None}
    return replace(oof, **fields)


def oof_table(oof: OutOfFold, classes: Sequence[str], task: Task) -> "pa.Table":
    """Return the columns that ``write_oof`` writes."""
    columns: dict[str, Any] = {"id": oof.ids, "fold": oof.fold, "repeat": oof.repeat}
    if not task.has_classes:
        columns |= {"target": oof.target, "prediction": oof.proba[:, 0], "loss": oof.loss}
        return as_table(columns).replace_schema_metadata({"task": task.name})
    if task.several_labels:
        columns |= dict(zip(class_columns("target", classes), oof.target.T, strict=True))
    else:
        columns["target"] = oof.target
    columns |= dict(zip(class_columns("proba", classes), oof.proba.T, strict=True))
    columns |= {f"logit_{i}": column for i, column in enumerate(oof.logits.T)}
    columns["loss"] = oof.loss
    about = {"task": task.name, "classes": json.dumps(list(classes), ensure_ascii=False)}
    return as_table(columns).replace_schema_metadata(about)


def read_oof(path: Path) -> OutOfFold:
    """Read an ``oof.parquet`` back."""
    table = read_parquet(arrow_files.copied(read_file(path, path.parent)))

    def stacked(prefix: str, dtype: Any) -> Any:
        names = [name for name in table.column_names if name.startswith(prefix)]
        return np.stack([as_numpy(table[name]) for name in names], axis=1).astype(dtype)

    single, classes = "target" in table.column_names, "prediction" not in table.column_names
    return OutOfFold(
        ids=as_words(table["id"]),
        fold=as_numpy(table["fold"]),
        repeat=as_numpy(table["repeat"]),
        target=as_numpy(table["target"]) if single else stacked("target_", np.int64),
        proba=stacked("proba_", np.float32) if classes else stacked("prediction", np.float64),
        logits=stacked("logit_", np.float32) if classes else np.zeros((len(table), 0), dtype=np.float32),
        loss=as_numpy(table["loss"]),
    )


def class_columns(prefix: str, classes: Sequence[str]) -> list[str]:
    """Return one name per class; a name that is taken gets a number behind it."""
    names: list[str] = []
    for label in classes:
        name, count = f"{prefix}_{label}", 1
        while name in names:
            count += 1
            name = f"{prefix}_{label}_{count}"
        names.append(name)
    return names


Write = Callable[[bytes | memoryview], None]


class _Sink(io.RawIOBase):
    """What pyarrow writes its files to."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._write(memoryview(data).cast("B"))
        return len(data)


def _write_parquet(tables: Iterator["pa.Table"], write: Write) -> None:
    """Write a row group of each table."""
    import pyarrow.parquet as pq

    first, sink = next(tables), cast(Any, _Sink(write))  # which pyarrow takes, though it is not declared
    with pq.ParquetWriter(sink, first.schema, compression="zstd") as writer:
        for table in chain([first], tables):
            writer.write_table(table, ROWS_AT_A_TIME)


def _write_csv(tables: Iterator["pa.Table"], write: Write) -> None:
    import pyarrow.csv

    first, sink = _harmless(next(tables)), cast(Any, _Sink(write))
    with pyarrow.csv.CSVWriter(sink, first.schema) as writer:
        for table in chain([first], map(_harmless, tables)):
            writer.write_table(table)


def _harmless(table: "pa.Table") -> "pa.Table":
    """Return the table, an apostrophe before ids that a spreadsheet would take for a harmful formula."""
    import pyarrow.compute as pc

    ids: Any = table["id"]
    risky: Any = pc.match_substring_regex(ids, HARMFUL)
    if not pc.any(risky).as_py():
        return table
    return table.set_column(0, "id", pc.if_else(risky, pc.binary_join_element_wise("'", ids, ""), ids))
