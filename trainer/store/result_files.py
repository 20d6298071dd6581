"""The machine-readable results: cv.json, oof.parquet and oof.csv."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.results import Baseline, CVResult, Lead, MetricSummary, OutOfFold
from trainer.system import arrow_files
from trainer.system.arrow_files import as_numpy, as_table, as_words, read_parquet
from trainer.system.files import write_bytes
from trainer.system.folders import read_file
from trainer.system.spreadsheets import HARMFUL
from trainer.tasks import TASKS, Task
from trainer.wording.translations import N_

if TYPE_CHECKING:
    import pyarrow as pa


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
    table = oof_table(oof, classes, task)
    for name, written in ((f"{stem}.parquet", _parquet_bytes), (f"{stem}.csv", _csv_bytes)):  # one is in memory
        write_bytes(directory / name, written(table), root=directory, what=N_("out-of-fold predictions"))


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


def _parquet_bytes(table: "pa.Table") -> memoryview:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return memoryview(sink.getvalue())


def _csv_bytes(table: "pa.Table") -> memoryview:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv

    ids: Any = table["id"]
    risky: Any = pc.match_substring_regex(ids, HARMFUL)
    if pc.any(risky).as_py():
        table = table.set_column(0, "id", pc.if_else(risky, pc.binary_join_element_wise("'", ids, ""), ids))
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(table, sink)
    return memoryview(sink.getvalue())
