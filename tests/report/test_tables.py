import io
import math
from dataclasses import replace

import pytest
from rich.console import Console

from trainer.report.formatting import duration, interval, number, plus_minus, signed, undefined_lines
from trainer.report.tables import folds_table, results_table


def printed(table, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()


def test_results_table_leads_with_the_primary_metric_and_fits_80_columns(fake_result):
    result, _, _ = fake_result(monitored=True)
    result = replace(result, primary="log_loss")
    text = printed(results_table(result))
    lines = [line for line in text.splitlines() if "↑" in line or "↓" in line]
    loss = result.metrics["log_loss"]
    assert lines[0].split()[:3] == ["log", "loss", "↓"]
    assert f"{loss.mean:.4f} ± {loss.sd:.4f}   {loss.oof:.4f}   {loss.ci95[0]:.4f} – {loss.ci95[1]:.4f}" in lines[0]
    assert len(lines) == len(result.metrics)
    assert f"{result.optimism['accuracy']:+.4f}" in text
    assert "…" not in text


def test_results_table_shows_undefined_as_a_dash(fake_result):
    result, _, _ = fake_result()
    undefined = replace(result.metrics["roc_auc"], mean=math.nan, sd=math.nan, oof=math.nan, ci95=None)
    text = printed(results_table(replace(result, metrics=result.metrics | {"roc_auc": undefined})))
    (line,) = [line for line in text.splitlines() if "ROC AUC" in line]
    assert line.split() == ["ROC", "AUC", "↑", "–", "–", "–"]


def test_a_mean_of_fewer_folds_says_so_and_why(fake_result):
    result, _, _ = fake_result()
    folds = (math.nan, 0.6, 0.8)
    partly = replace(result.metrics["roc_auc"], folds=folds, mean=0.7, sd=0.1414)
    changed = replace(
        result, metrics=result.metrics | {"roc_auc": partly}, undefined={"roc_auc": "fold 0", "mcc": "fold 0"}
    )
    text = printed(results_table(changed))
    assert "0.7000 ± 0.1414 (2 of 3)" in text
    assert max(map(len, text.splitlines())) <= 80
    assert undefined_lines(changed) == ["MCC, ROC AUC: fold 0"]
    assert undefined_lines(result) == []
    lone = replace(partly, folds=(math.nan, math.nan, 0.8), mean=0.8, sd=0.0)
    assert plus_minus(lone) == "0.8000 (1 of 3)"


def test_folds_table(fake_result):
    result, _, folds = fake_result(repeats=2)
    text = printed(folds_table(result, folds[::-1]))
    rows = [line.split() for line in text.splitlines() if " f" in line and line.lstrip().startswith("r")]
    assert [row[:2] for row in rows] == [
        ["r0", "f0"],
        ["r0", "f1"],
        ["r0", "f2"],
        ["r1", "f0"],
        ["r1", "f1"],
        ["r1", "f2"],
    ]
    assert rows[0][2:6] == ["60", "30", "3/3", f"{folds[0].metrics['accuracy']:.4f}"]
    assert "…" not in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_results_of_a_single_fold(fake_result):
    result, _, _ = fake_result()
    one = replace(result.metrics["accuracy"], folds=(0.5,), mean=0.5, sd=0.0)
    text = printed(results_table(replace(result, repeats=2, metrics={"accuracy": one})))
    assert "±" not in text.split("mean ± sd")[1]
    assert "3 folds x 2 repeats" in text


def test_numbers():
    assert signed(-0.00001) == "+0.0000"
    assert signed(-0.25) == "-0.2500"
    assert duration(math.nan) == signed(math.nan) == "–"
    assert number(None) == number(math.nan) == interval(None) == "–"
    assert number(0.12345) == "0.1235"
