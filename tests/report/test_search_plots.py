"""The picture and the page of a search, from trials that are made up."""

import math
import re
from dataclasses import replace

import pytest

from trainer.config.search_space import Listed, Range
from trainer.evidence.not_defined import NotDefined
from trainer.evidence.picking import Picked
from trainer.report.search_plots import DrawnTrial, placed, search_plot
from trainer.search.search_page import write_page
from trainer.search.search_table import Standing, TrialRow
from trainer.search.worth import Honest

optuna = pytest.importorskip("optuna")


def made_up():
    """A study of ten complete trials whose value is the rate's exponent, and one that failed."""
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    rows = []
    for number in range(10):
        trial = study.ask()
        rate, loss = (
            trial.suggest_float("optimizer.lr", 1e-4, 1e-1, log=True),
            trial.suggest_categorical("loss", ["ce"]),
        )
        value = 1 + math.log10(rate) / 10
        study.tell(trial, value)
        settings = {"optimizer.lr": rate, "loss": loss, "model.<b>": "<script>"}
        rows.append(TrialRow(number, "complete", value, (value, value), settings, "", 1.0))
    rows.sort(key=lambda row: -row.value)
    failed = TrialRow(10, "failed", math.nan, (math.nan, math.nan), {}, "diverged <b>", math.nan)
    return study, Standing((*rows, failed), rows[0], 2)


def test_values_lie_between_the_lowest_and_the_highest():
    assert placed([1e-4, 1e-2, None, 1e-3], log=True)[:2] == pytest.approx([0, 1])
    assert placed([1e-4, 1e-2, 1e-3], log=True)[2] == pytest.approx(0.5)
    assert placed(["ce", "focal", "ce"], log=False) == [0, 1, 0]
    assert placed([2, 2], log=False) == [0.5, 0.5]
    assert all(map(math.isnan, placed([None, None], log=False)))


def test_the_best_so_far_and_one_line_per_complete_trial_are_drawn():
    trials = [
        DrawnTrial(0, 0.5, True, {"a": 1}),
        DrawnTrial(1, 0.4, True, {"a": 2}),
        DrawnTrial(2, 0.1, False, {"a": 3}),
    ]
    fig = search_plot(trials, "log_loss", {"a": False}, {"a": 1.0}, greater=False)
    history, lines, bars = fig.axes
    best = next(line for line in history.lines if line.get_label() == "best so far")
    assert best.get_ydata().tolist() == [0.5, 0.4]
    assert len(lines.lines) == 2
    assert [bar.get_width() for bar in bars.patches] == [1.0]


def test_the_page_has_every_trial_and_nothing_in_it_is_code(tmp_path):
    study, now = made_up()
    space = [Range("optimizer.lr", "log", 1e-4, 1e-1), Listed("loss", ("ce",))]
    honest = Honest("my.<i>", 3, 0.9, 0.9, Picked(3, 0.9, 0.88, (0.8, 0.95), 0.96, 10, 999))
    write_page(tmp_path, now, study, space, honest)
    page = (tmp_path / "search.html").read_text()
    assert page.count("<tr") == 1 + 11
    assert "data:image/png;base64," in page
    assert "&lt;script&gt;" in page
    assert not any(part in page for part in ("<i>", "<b>", "<script"))


def test_the_page_is_chinese_where_it_is_to_be(tmp_path):
    study, now = made_up()
    rows = (
        now.rows[0],
        replace(
            now.rows[1], state="pruned", why="behind the best trial by 0.1000 after 1 of 2 folds, more than 0.0500"
        ),
    )
    honest = Honest("accuracy", 3, 0.9, 0.9, NotDefined("a single run"), nested=(0.8, 0.81), n_inner=2)
    write_page(tmp_path, Standing(rows, rows[0], 2), study, [Range("optimizer.lr", "log", 1e-4, 1e-1)], honest, "zh")
    page = (tmp_path / "search.html").read_text(encoding="utf-8")
    said = (
        "2 次试验：1 完成, 1 提前结束；4 折中训练了 4 折",
        "嵌套搜索，2 个内层折：accuracy 各折均值 0.8000",
        "2 折中训练了 1 折后，落后最好的试验 0.1000",
    )
    assert [text in page for text in said] == [True] * 3
    assert not re.search(">[^<]*(trial|folds|state|complete)[^<]*<", page.partition("<main>")[2])


def test_the_picture_stays_english_where_no_font_has_the_letters(monkeypatch):
    drawn = []
    monkeypatch.setattr("trainer.report.search_plots.dress", lambda ax, title, x, y: drawn.append(title))
    for known in (frozenset(map(ord, "Historycmpletadn f")), frozenset(range(0x9FFF))):
        monkeypatch.setattr("trainer.report.fonts._glyphs", lambda known=known: known)
        search_plot([], "accuracy", {}, {}, greater=True, say=lambda text: {"History": "历史"}.get(text, text))
    assert [drawn[0], drawn[3]] == ["History", "历史"]
