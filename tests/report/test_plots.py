import ast
from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, confusion_matrix

from tests.places import REPOSITORY
from trainer.report import fonts, plots
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL


def texts(fig):
    from matplotlib.text import Text

    return [found.get_text() for found in fig.findobj(Text) if found.get_text()]


def test_confusion_matrix_shows_scikit_learns_counts(fake_result):
    result, oof, _ = fake_result()
    fig = plots.confusion_matrix(oof.target, oof.proba, result.classes, result.task)
    counts = confusion_matrix(oof.target, oof.proba.argmax(axis=1))
    shown = [text.get_text().split("\n")[0] for text in fig.axes[0].texts]
    assert shown == [str(c) for i, row in enumerate(counts) for j, c in enumerate(row) if c or i == j]
    shares = fig.axes[0].images[0].get_array()
    assert np.allclose(shares, counts / counts.sum(axis=1, keepdims=True))


def test_confusion_matrix_of_a_class_without_rows():
    proba = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    fig = plots.confusion_matrix(np.array([0, 1, 1, 0]), proba, ("a", "b", "c"), MULTICLASS)
    assert np.isfinite(fig.axes[0].images[0].get_array()).all()


def test_label_bars_are_found_missed_and_false(fake_result):
    target = np.array([[1, 0], [1, 1], [1, 0], [0, 0]])
    proba = np.array([[0.9, 0.8], [0.2, 0.9], [0.7, 0.1], [0.6, 0.1]], dtype=np.float32)
    fig = plots.confusion_matrix(target, proba, ("x", "y"), MULTILABEL)
    found, missed, false = ([bar.get_width() for bar in group] for group in fig.axes[0].containers)
    assert (found, missed, false) == ([2, 1], [1, 0], [-1, -1])


@pytest.mark.parametrize("task", [BINARY, MULTICLASS, MULTILABEL])
def test_precision_recall_legend_has_scikit_learns_area(fake_result, task):
    classes = ("no", "yes") if task == BINARY else ("a", "b", "c")
    _, oof, _ = fake_result(task, classes)
    fig = plots.precision_recall(oof.target, oof.proba, classes, task)
    labels = [text.get_text() for text in fig.axes[0].get_legend().get_texts()]
    last = oof.target[:, -1] if task == MULTILABEL else oof.target == len(classes) - 1
    area = average_precision_score(last, oof.proba[:, -1])
    assert f"{area:.3f}  {classes[-1]}" in labels
    assert len(labels) == (2 if task == BINARY else 3)


def test_precision_recall_without_any_positive_row():
    proba = np.full((4, 2), 0.5, dtype=np.float32)
    fig = plots.precision_recall(np.zeros(4, dtype=np.int64), proba, ("no", "yes"), BINARY)
    assert plots.png_bytes(fig)[:4] == b"\x89PNG"


def test_many_classes_name_only_the_weakest(fake_result):
    classes = tuple(f"class {i}" for i in range(30))
    _, oof, _ = fake_result(MULTICLASS, classes, n=300)
    legend = plots.precision_recall(oof.target, oof.proba, classes, MULTICLASS).axes[0].get_legend()
    truth = np.eye(30)[oof.target]
    areas = [average_precision_score(truth[:, k], oof.proba[:, k]) for k in range(30)]
    weakest = {classes[k] for k in np.argsort(areas)[:5]}
    assert {text.get_text().split("  ")[1] for text in legend.get_texts()} == weakest
    plots.png_bytes(plots.confusion_matrix(oof.target, oof.proba, classes, MULTICLASS))


def test_learning_curves_show_the_records(fake_result):
    _, _, folds = fake_result()
    (ax,) = plots.learning_curves(folds, "accuracy").axes
    assert [line.get_ydata().tolist() for line in ax.lines] == [[r.train_loss for r in f.epochs] for f in folds]


def test_learning_curves_add_the_monitored_metric(fake_result):
    _, _, folds = fake_result(monitored=True)
    fig = plots.learning_curves(folds, "accuracy")
    curves = [line.get_ydata().tolist() for line in fig.axes[1].lines if len(line.get_ydata()) > 1]
    assert curves == [[r.monitor["accuracy"] for r in f.epochs] for f in folds]
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in fig.axes)


def test_awkward_class_names_are_drawn_without_warnings(fake_result):
    classes = ("正面", "$5 ^ _{", "_hidden", "tab\tand\nline", "x" * 80, "🙂")
    for task in (MULTICLASS, MULTILABEL):
        _, oof, _ = fake_result(task, classes)
        for draw in (plots.confusion_matrix, plots.precision_recall):
            fig = draw(oof.target, oof.proba, classes, task)
            assert plots.png_bytes(fig)[:4] == b"\x89PNG"
            assert any("$5 ^ _{" in text for text in texts(fig))
            assert any("_hidden" in text for text in texts(fig))


def test_names_without_glyphs_become_numbers(monkeypatch):
    monkeypatch.setattr(fonts, "_glyphs", lambda: frozenset(map(ord, "abc …")))
    assert fonts.drawable_names(["abc", "中", "", "ab\nc", "a" * 30]) == [
        "abc",
        "#1",
        "#2",
        "ab c",
        "a" * 23 + "…",
    ]


def test_png_is_deterministic(fake_result):
    _, oof, _ = fake_result()
    args = (oof.target, oof.proba, ("a", "b", "c"), MULTICLASS)
    one, two = (plots.png_bytes(plots.confusion_matrix(*args)) for _ in range(2))
    assert one == two


def test_every_legend_says_where_it_stands():
    """loc="best" warns after a second of searching, by the clock: on a busy machine, and here that is an error."""
    without = []
    for path in sorted((REPOSITORY / "trainer").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if ".legend(" in text:
            calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
            legends = [call for call in calls if getattr(call.func, "attr", "") == "legend"]
            without += [
                f"{path}:{call.lineno}" for call in legends if "loc" not in {keyword.arg for keyword in call.keywords}
            ]
    assert without == []


def test_a_curve_of_very_many_points_is_drawn_by_those_that_can_be_told_apart(monkeypatch):
    random = np.random.default_rng(0)
    target = random.integers(0, 2, 20_000)
    proba = np.stack([np.zeros(20_000), np.clip(random.normal(0.4 + 0.2 * target, 0.2), 0, 1)], axis=1)

    def curve():
        line = plots.precision_recall(target, proba, ("no", "yes"), BINARY).axes[0].lines[0]
        return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())

    recall, precision = curve()
    monkeypatch.setattr(plots, "_MOST_POINTS", 5000)
    monkeypatch.setattr(plots, "_STRETCHES", 100)
    few_recall, few_precision = curve()
    assert len(recall) > 15_000
    assert len(few_recall) <= 400
    assert set(zip(few_recall, few_precision, strict=True)) < set(zip(recall, precision, strict=True))
    for low, high in pairwise([*np.linspace(0, 1, 100, endpoint=False)[::10], 1.01]):
        there, drawn = ((one >= low) & (one < high) for one in (recall, few_recall))
        assert few_precision[drawn].min() == precision[there].min()
        assert few_precision[drawn].max() == precision[there].max()
