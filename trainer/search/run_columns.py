"""The columns of a list of runs: for a terminal, for a file, for a page."""

import csv
import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from trainer.report.fitted_table import Column, cut
from trainer.report.formatting import duration, interval, metric_label, number
from trainer.search.run_groups import Group
from trainer.search.run_list import Listing, setting
from trainer.store.run_records import RunRecord
from trainer.system.spreadsheets import defused

SHORT = 8  # characters of a fingerprint
LONGEST_VALUE = 24  # of a setting on a terminal
FILE_HEADINGS = (
    *("run", "state", "reason", "metric", "oof", "low", "high", "mean", "sd"),
    *("folds_done", "folds", "seconds", "started", "data", "split", "data_set", "sweep", "job"),
)


def run_columns(listing: Listing) -> list[Column]:
    """Return the columns for a terminal; of settings only those that differ."""
    records = listing.records
    figures = [listing.figures(record) for record in records]
    metrics = listing.metrics
    label = metric_label(metrics[0]) if len(metrics) == 1 else "out of fold"
    cis = [None if f is None or math.isnan(f.low) else (f.low, f.high) for f in figures]
    spread = ["–" if f is None else f"{number(f.mean)} ± {number(f.sd)}" for f in figures]
    columns = [
        Column("run", [record.name for record in records]),
        *([Column("metric", [listing.metric_of(r) or "–" for r in records])] if len(metrics) > 1 else []),
        Column(label, [number(None if f is None else f.oof) for f in figures], right=True),
        Column("95 % CI", list(map(interval, cis)), rank=2, right=True),
        Column("mean ± sd", spread, rank=90, right=True),
    ]
    for place, key in enumerate(listing.keys):
        values = [cut(setting(record, key), LONGEST_VALUE) for record in records]
        columns.append(Column(key, values, rank=3 + min(place, 40)))
    return [
        *columns,
        Column("data", [record.data[:SHORT] or "–" for record in records], rank=60),
        Column("folds", [record.folds[:SHORT] or "–" for record in records], rank=61),
        Column("done", list(map(_done, records)), rank=50, right=True),
        Column("time", [duration(math.nan if r.seconds is None else r.seconds) for r in records], rank=51, right=True),
        Column("state", [f"{r.state}: {r.reason}" if r.reason else r.state for r in records]),
    ]


def _done(record: RunRecord) -> str:
    return "–" if record.n_folds is None else f"{record.n_done}/{record.n_folds}"


def group_columns(metric: str, keys: Sequence[str], groups: Sequence[Group]) -> list[Column]:
    """Return the columns of groups for a terminal."""
    return [
        *(Column(key, [cut(group.values[place], LONGEST_VALUE) for group in groups]) for place, key in enumerate(keys)),
        Column("n", [str(group.n) for group in groups], right=True),
        Column(f"{metric_label(metric)}, mean", [number(group.mean) for group in groups], right=True),
        Column("sd of runs", [number(group.sd) for group in groups], rank=2, right=True),
        Column("best", [number(group.best_oof) for group in groups], rank=3, right=True),
        Column("best run", [group.best or "–" for group in groups], rank=4),
    ]


def file_rows(listing: Listing) -> list[list[Any]]:
    """Return headings and rows with every figure in full, for a file or a frame; None where there is none."""
    rows: list[list[Any]] = [[*FILE_HEADINGS, *listing.keys]]
    for record in listing.records:
        figures = listing.figures(record)
        values = [None] * 5 if figures is None else [figures.oof, figures.low, figures.high, figures.mean, figures.sd]
        rows.append(
            [
                *(record.name, record.state, record.reason, listing.metric_of(record) if figures else ""),
                *(None if value is None or math.isnan(value) else value for value in values),
                *(record.n_done, record.n_folds, record.seconds, _time(record.started)),
                *(record.data, record.folds, record.about, record.sweep, record.job),
                *(setting(record, key) for key in listing.keys),
            ]
        )
    return rows


def group_rows(metric: str, keys: Sequence[str], groups: Sequence[Group]) -> list[list[Any]]:
    """Return headings and rows of groups, for a file or a frame."""
    rows: list[list[Any]] = [[*keys, "metric", "n", "n_without", "mean", "sd", "best", "best_run"]]
    for group in groups:
        figures = [None if math.isnan(value) else value for value in (group.mean, group.sd, group.best_oof)]
        rows.append([*group.values, metric, group.n, group.n_without, *figures, group.best])
    return rows


def _time(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(" ", "seconds")


def csv_bytes(rows: Sequence[Sequence[Any]]) -> bytes:
    """Return rows as CSV; a name that a spreadsheet would take for a formula gets an apostrophe."""
    sheet = io.StringIO()
    safe = ([defused(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    csv.writer(sheet, lineterminator="\n").writerows(safe)
    return sheet.getvalue().encode()
