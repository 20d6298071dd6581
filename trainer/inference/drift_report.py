"""The page on how new rows differ from the training rows: one HTML file that needs nothing else."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.data.readers.frames import is_frame
from trainer.errors import ConfigError
from trainer.inference.drift import Watched, describe, percent
from trainer.inference.drift_tests import ColumnDrift, bin_names, bins_of
from trainer.report.fonts import drawable_names, font_family
from trainer.report.plots import bare_figure, dress, line_look, png_bytes
from trainer.report.rendering import render
from trainer.store.own_files import lies_in_run
from trainer.system.files import write_bytes
from trainer.wording.translations import N_

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENDINGS = (".html", ".htm")
MOST_DRAWN, PER_LINE = 12, 3
MOST_BARS = 12


def require_page(path: Path | None) -> None:
    """Refuse a place for the page before rows are predicted.

    Raises:
        ConfigError: it cannot be one.
    """
    if path is None:
        return
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(f"--drift {path}: give a name that ends in .html")
    if not path.parent.is_dir():
        raise ConfigError(f"--drift {path}: there is no directory {path.parent}: make it first")
    if path.is_dir():
        raise ConfigError(f"--drift {path} is a directory: give the name of a file to write")
    if lies_in_run(path):
        raise ConfigError(f"--drift {path} lies in a run directory: write it elsewhere")


def write_page(path: Path, watched: Watched, data: Any, said: Sequence[str] = ()) -> None:
    """Write the page.

    Args:
        path: of it.
        watched: new rows, all of them seen.
        data: where they are from.
        said: of all columns together: what a classifier finds.

    Raises:
        StorageError: it cannot be written.
    """
    write_bytes(path, page(watched, data, said).encode(), what=N_("report"))


def page(watched: Watched, data: Any, said: Sequence[str] = ()) -> str:
    """Return the page as HTML."""
    columns = watched.columns
    drawn = [column for column in columns if bins_of(column.counted).size][:MOST_DRAWN]
    return render(
        "drift.html.j2",
        data="the frame" if is_frame(data) else str(data) if isinstance(data, str | Path) else "the rows",
        run=str(watched.run),
        why_not=watched.why_not,
        n_drifting=len(watched.drifting),
        summary=_summary(watched),
        said=said,
        rows=[_row(column) for column in columns],
        picture=base64.b64encode(_picture(drawn)).decode() if drawn else "",
        pictured=f", the {MOST_DRAWN} columns that differ most" if len(columns) > MOST_DRAWN else "",
    )


def _summary(watched: Watched) -> str:
    watch, n_drifting = watched.watch, len(watched.drifting)
    if watch is None:
        return ""
    part = "" if watch.n_counted == watch.n_rows else f", of which {watch.n_counted} drawn at random were compared"
    found = f"{n_drifting} of {len(watched.columns)} columns drift" if n_drifting else "no column drifts"
    return f"{watch.n_rows} new rows{part}: {found}."


def _row(column: ColumnDrift) -> dict[str, Any]:
    counted = column.counted
    before, now = column.missing_shares
    cells = [
        counted.before["kind"],
        _number(column.psi),
        _number(column.ks),
        percent(before),
        percent(now),
        percent(column.outside_share) if counted.is_number else "",
        percent(column.unseen_share) if not counted.is_number else "",
        *_middles(column),
    ]
    return {"name": counted.name, "drifts": bool(column.found), "cells": cells, "said": describe(column)}


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


def _middles(column: ColumnDrift) -> tuple[str, str]:
    """Return the median of training and new rows (to the next kept percentile), or the most common category."""
    counted = column.counted
    before = counted.before["counts"]
    training = _middle(counted.before, before if counted.is_number else list(before.values()))
    if not counted.n_present:
        return training, ""
    if counted.is_number and counted.below > counted.n_present / 2:
        return training, f"< {counted.before['edges'][0]:.4g}"
    return training, _middle(counted.before, counted.counts.tolist())


def _middle(before: Any, counts: Sequence[int]) -> str:
    if before["kind"] == "number":
        place = int(np.searchsorted(np.cumsum(counts), np.sum(counts) / 2))
        edges = before["edges"]
        return f"{edges[place]:.4g}" if place < len(edges) else f"> {edges[-1]:.4g}"
    place = int(np.argmax(counts))
    words = list(before["counts"])
    return words[place][:30] if place < len(words) else "others"


def _picture(columns: Sequence[ColumnDrift]) -> bytes:
    n_lines = -(-len(columns) // PER_LINE)
    fig = bare_figure(11, 2.7 * n_lines)
    axes = fig.subplots(n_lines, PER_LINE, squeeze=False).ravel()
    titles = drawable_names([column.counted.name for column in columns])
    for ax, column, name in zip(axes, columns, titles, strict=False):
        _panel(ax, column, name)
    for ax in axes[len(columns) :]:
        ax.set_axis_off()
    axes[0].legend(frameon=False, loc="upper right", fontsize=8)
    return png_bytes(fig, 110)


def _panel(ax: "Axes", column: ColumnDrift, name: str) -> None:
    bins_2B = bins_of(column.counted)[:, :MOST_BARS]
    names = bin_names(column.counted)[:MOST_BARS]
    shares_2B = bins_2B / np.maximum(bins_of(column.counted).sum(axis=1, keepdims=True), 1)
    where = np.arange(bins_2B.shape[1])
    for place, label in enumerate(("training", "new")):
        ax.bar(where + 0.4 * place - 0.2, shares_2B[place], 0.4, label=label, color=line_look(place)["color"])
    words = names if column.counted.is_number else drawable_names(names, 14)
    look: dict[str, Any] = {"family": list(font_family()), "parse_math": False, "fontsize": 7}
    ax.set_xticks(where, words, rotation=40, ha="right", rotation_mode="anchor", **look)
    dress(ax, "", "", "share")
    ax.set_title(name, loc="left", fontsize=10, fontweight="bold", family=list(font_family()), parse_math=False)
