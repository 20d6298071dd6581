"""Pictures of a result, drawn without pyplot: each function returns a Figure of its own."""

import io
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.predictions import one_class
from trainer.metrics.ranking import Ranking, precision_area, precision_at, ranking
from trainer.report.agg import load_matplotlib
from trainer.report.fonts import drawable_names, font_family
from trainer.report.formatting import fold_name, plain_label
from trainer.results import FoldResult
from trainer.tasks import Target, Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008), distinguishable with every form of colour blindness; yellow left out, too pale for lines
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("solid", "dashed", "dotted")
GREY = "#8a8a8a"
_ANNOTATED_CLASSES = 20  # more, and the counts in the confusion matrix are left out
_NAMED_CLASSES = 40  # more, and so are the class names
_NAMED_CURVES = 12  # more, and only the weakest curves are named
_WEAKEST = 5
_DRAWN_CURVES = 100  # more, and only the named ones are drawn
_LONGEST_FOLDS_LEGEND = 10
_MOST_POINTS, _STRETCHES = 50_000, 4_000  # of a curve; more, and it is drawn by four points of each stretch
MOST_BINNED, MOST_BINS = 10_000, 100  # rows for which the bins of a histogram are reckoned; else so many


def learning_curves(folds: Sequence[FoldResult], primary: str) -> "Figure":
    """Draw the training loss of every fold per epoch and, where monitored, the primary metric.

    Args:
        folds: at least one.
        primary: name of the metric.
    """
    monitored = all(primary in record.monitor for part in folds for record in part.epochs)
    fig = bare_figure(9.6 if monitored else 5.6, 3.7)
    axes = fig.subplots(1, 2 if monitored else 1, squeeze=False)[0]
    repeats = 1 + max(part.repeat for part in folds)
    for i, part in enumerate(sorted(folds, key=lambda part: (part.repeat, part.fold))):
        epochs = [record.epoch for record in part.epochs]
        look = line_look(i) | {"marker": "o" if len(epochs) == 1 else "", "alpha": 0.85}
        axes[0].plot(epochs, [r.train_loss for r in part.epochs], label=fold_name(part, repeats), **look)
        if monitored:
            curve = [record.monitor[primary] for record in part.epochs]
            axes[1].plot(epochs, curve, **look)
            best = epochs.index(part.best_epoch)
            axes[1].plot(epochs[best], curve[best], "o", color=look["color"], markeredgecolor="white")
    dress(axes[0], "Training loss", "epoch", "loss")
    if monitored:
        dress(
            axes[1],
            f"{_sentence(plain_label(primary))} (dot: scored epoch)",
            "epoch",
            plain_label(primary),
        )
    if len(folds) <= _LONGEST_FOLDS_LEGEND:
        axes[0].legend(title="fold", frameon=False, loc="upper right", ncols=1 if len(folds) <= 5 else 2)
    return fig


def confusion_matrix(target: Target, proba: NDArray[np.float32], classes: Sequence[str], task: Task) -> "Figure":
    """Draw true against predicted classes, coloured by the share of the true class, with counts.

    Multi-label: per label a bar of found, missed and false rows.

    Args:
        target: (N,) class index, or (N, L).
        proba: (N, C) or (N, L).
        classes: label text per class index.
        task: what was to be predicted.
    """
    predicted = task.predicted(proba)
    if task.several_labels:
        return _label_bars(target, predicted, classes)
    n = len(classes)
    counts_CC = np.bincount(target * n + predicted, minlength=n * n).reshape(n, n)
    share_CC = counts_CC / np.maximum(counts_CC.sum(axis=1, keepdims=True), 1)
    side = min(2.6 + 0.5 * n, 11.0)
    fig = bare_figure(side + 1.0, side)
    from matplotlib.colors import PowerNorm

    ax = fig.subplots()
    image = ax.imshow(share_CC, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1))  # shows rare confusions
    if n <= _ANNOTATED_CLASSES:
        _write_counts(ax, counts_CC, share_CC)
    if n <= _NAMED_CLASSES:
        _name_ticks(ax, classes)
    dress(ax, "Confusion matrix", "predicted", "true", grid=False)
    bar = fig.colorbar(image, ax=ax, aspect=40, pad=0.02, label="share of the true class")
    bar.outline.set_visible(False)
    bar.set_ticks([0, 0.05, 0.2, 0.5, 1.0], labels=["0", "5 %", "20 %", "50 %", "100 %"])
    return fig


def _write_counts(ax: "Axes", counts_CC: NDArray[np.int64], share_CC: NDArray[np.float64]) -> None:
    small = len(counts_CC) > 12
    for (i, j), count in np.ndenumerate(counts_CC):
        if count == 0 and i != j:
            continue
        text = str(count) if small else f"{count}\n{share_CC[i, j]:.0%}"
        colour = "white" if share_CC[i, j] > 0.35 else "#222222"
        cell = ax.text(j, i, text, ha="center", va="center", color=colour, fontsize=7 if small else 8, linespacing=1.1)
        cell.set_in_layout(False)  # it lies inside the axes: nothing to measure


def _name_ticks(ax: "Axes", classes: Sequence[str]) -> None:
    names = drawable_names(classes)
    turn = 0 if max(map(len, names)) <= 4 else 40
    look: dict[str, Any] = {"family": list(font_family()), "parse_math": False}
    where = np.arange(len(names))
    ax.set_xticks(where, names, rotation=turn, ha="right" if turn else "center", rotation_mode="anchor", **look)
    ax.set_yticks(where, names, **look)


def _label_bars(target_NL: NDArray[np.int64], predicted_NL: NDArray[np.int64], classes: Sequence[str]) -> "Figure":
    found_L = (target_NL * predicted_NL).sum(axis=0)
    missed_L = (target_NL * (1 - predicted_NL)).sum(axis=0)
    false_L = ((1 - target_NL) * predicted_NL).sum(axis=0)
    order = np.argsort(-target_NL.sum(axis=0), kind="stable")[:_NAMED_CLASSES]
    fig = bare_figure(7.2, 1.5 + 0.34 * len(order))
    ax = fig.subplots()
    y = np.arange(len(order))
    ax.barh(y, found_L[order], color=_COLOURS[0], label="found")
    ax.barh(
        y,
        missed_L[order],
        left=found_L[order],
        color=_COLOURS[5],
        label="missed",
        hatch="//",
        edgecolor="white",
    )
    ax.barh(y, -false_L[order], color=_COLOURS[1], label="false alarm")
    ax.axvline(0, color="#222222", linewidth=0.8)
    names = drawable_names(classes)
    ax.set_yticks(y, [names[i] for i in order], family=list(font_family()), parse_math=False)
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
    dress(ax, "Labels: found, missed, false alarms", "rows", "", grid=False)
    ax.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    return fig


def precision_recall(target: Target, proba: NDArray[np.float32], classes: Sequence[str], task: Task) -> "Figure":
    """Draw precision over recall per class (one against the rest) or label; binary: of the positive class.

    Arguments as for ``confusion_matrix``. Classes without a positive row are left out.
    """
    alone = task.one_class_each and len(classes) == 2
    names = drawable_names(classes)
    support_C = task.class_counts(target, len(classes))
    drawn = [k for k in ([1] if alone else range(len(names))) if support_C[k]]

    @lru_cache(maxsize=1)  # more than one curve of very many rows is much
    def ranked(k: int) -> Ranking:
        return ranking(*one_class(target, proba, k))

    area = {k: precision_area(ranked(k)) for k in drawn}
    weakest = sorted(drawn, key=lambda k: area[k])[:_WEAKEST]
    named = drawn if len(drawn) <= _NAMED_CURVES else weakest
    fig = bare_figure(7.4, 4.6)
    ax = fig.subplots()
    for k in drawn if len(drawn) <= _DRAWN_CURVES else named:
        recall, precision = _few_points(ranked(k))
        grey = {"color": GREY, "linewidth": 0.7, "alpha": 0.5}
        look = line_look(named.index(k)) if k in named else grey
        label = f"{area[k]:.3f}  {names[k]}" if k in named else "_"
        ax.step(recall[::-1], precision[::-1], where="post", label=label, **look)
    if len(drawn) == 1:
        rate = float(support_C[drawn[0]] / len(target))
        ax.axhline(rate, color=GREY, linestyle="dotted", label=f"{rate:.3f}  by chance")
    ax.set(xlim=(0, 1.01), ylim=(0, 1.02))
    dress(ax, "Precision and recall", "recall", "precision")
    few = f"\n({_WEAKEST} weakest of {len(drawn)})"
    _name_legend(ax, "average precision" if named is drawn else f"average precision{few}")
    return fig


def _few_points(found: Ranking) -> list[NDArray[np.float64]]:
    """Return recall and precision; of very many points those that a picture can show: ends, tops and bottoms.

    Args:
        found: with rows of the class.
    """
    recall_T, precision_T = found.hits_T / found.hits_T[-1], precision_at(found)
    if len(recall_T) <= _MOST_POINTS:
        return [recall_T, precision_T]
    starts = np.unique(np.searchsorted(recall_T, np.linspace(0, 1, _STRETCHES, endpoint=False)))
    kept: set[int] = set()
    for start, end in pairwise([*starts.tolist(), len(recall_T)]):
        part = precision_T[start:end]
        kept |= {start, start + int(part.argmin()), start + int(part.argmax()), end - 1}
    points = sorted(kept)
    return [recall_T[points], precision_T[points]]


def predicted_against_true(target: Target, proba: NDArray[Any], classes: Sequence[str], task: Task) -> "Figure":
    """Draw predicted over true numbers, and how often which residual (true minus predicted) occurs.

    Args:
        target: (N,) numbers.
        proba: (N, 1) their predictions.
        classes: none.
        task: what was to be predicted.
    """
    predicted = task.predicted(proba)
    fig = bare_figure(9.6, 4.2)
    left, right = fig.subplots(1, 2)
    ends = [min(target.min(), predicted.min()), max(target.max(), predicted.max())]
    left.plot(ends, ends, color=GREY, linewidth=1.0, linestyle="dashed")  # right predictions lie on it
    left.scatter(target, predicted, s=12, alpha=max(0.15, min(0.7, 200 / len(target))), color=_COLOURS[0], linewidths=0)
    dress(left, "Predicted against true", "true", "predicted")
    right.hist(target - predicted, bins="auto" if len(target) < MOST_BINNED else MOST_BINS, color=_COLOURS[0])
    right.axvline(0, color=GREY, linewidth=1.0, linestyle="dashed")
    dress(right, "Residuals", "true minus predicted", "rows")
    return fig


def _name_legend(ax: "Axes", title: str) -> None:
    if not ax.get_legend_handles_labels()[1]:
        return
    legend = ax.legend(title=title, loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, alignment="left")
    for text in legend.get_texts():
        text.set(family=list(font_family()), parse_math=False)


def png_bytes(fig: "Figure", dots_per_inch: int = 130) -> bytes:
    """Return the picture as a PNG file; the same figure gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    fig.set_dpi(dots_per_inch)
    buffer = io.BytesIO()  # savefig gives the same bytes, and lays everything out twice
    FigureCanvasAgg(fig).print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def bare_figure(width_inches: float, height_inches: float) -> "Figure":
    """Return an empty white figure."""
    load_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width_inches, height_inches), layout="constrained", facecolor="white")


def line_look(i: int) -> dict[str, Any]:
    """Return colour and dashes of the i-th line."""
    dash = _DASHES[i // len(_COLOURS) % len(_DASHES)]
    return {"color": _COLOURS[i % len(_COLOURS)], "linestyle": dash, "linewidth": 1.6}


def dress(ax: "Axes", title: str, x: str, y: str, *, grid: bool = True) -> None:
    """Give a plot its title, the names of its axes and a grid."""
    from matplotlib.ticker import MaxNLocator

    ax.set_title(title, loc="left", fontsize=11, fontweight="bold")
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
    if x == "epoch":
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if grid:
        ax.grid(color="#dddddd", linewidth=0.6)
        ax.set_axisbelow(True)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
