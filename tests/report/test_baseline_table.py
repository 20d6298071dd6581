"""How a run stands against its baselines, in lines and in the report."""

import math
from dataclasses import replace

import pytest

from trainer.report.baseline_table import baseline_lines, baseline_table
from trainer.report.markdown import report_markdown
from trainer.results import Baseline, Lead, MetricSummary


def with_baseline(result, ci95, folds=(0.1, 0.2, 0.3), skipped=""):
    summary = MetricSummary((0.4, 0.5, 0.6), 0.5, 0.1, 0.45, None)
    metrics = dict.fromkeys(result.metrics, summary)
    lead = Lead(folds, 0.2, 0.1, 0.15)
    leads = {name: replace(lead, ci95=ci95 if name == result.primary else None) for name in metrics}
    found = {
        "linear": Baseline("logistic regression", metrics, leads, 1.0),
        "boosting": Baseline("trees", skipped="about 9 s, too long"),
    }
    return replace(result, baselines=found)


@pytest.mark.parametrize(
    ("ci95", "said"),
    [
        ((0.05, 0.25), "better than linear probe: +0.1500 out of fold (95 % interval +0.0500 – +0.2500), by folds"),
        ((-0.05, 0.25), "a tie with linear probe: +0.1500 out of fold"),
        ((-0.25, -0.05), "worse than linear probe: +0.1500 out of fold"),
    ],
)
def test_lines_say_the_scores_which_is_better_and_what_was_skipped(fake_result, ci95, said):
    result = with_baseline(fake_result()[0], ci95)
    own = result.metrics["accuracy"].oof
    first, second, third = baseline_lines(result)
    assert first == f"accuracy out of fold: linear probe 0.4500 · this model {own:.4f}"
    assert second.startswith(said)
    assert third == "boosting skipped: about 9 s, too long"


def test_one_fold_has_no_spread_and_an_undefined_metric_no_verdict(fake_result):
    result = with_baseline(fake_result()[0], (0.05, 0.25), folds=(0.2, math.nan, math.nan))
    assert baseline_lines(result)[1].endswith("interval +0.0500 – +0.2500)")
    assert len(baseline_lines(with_baseline(result, None))) == 2


def test_the_report_has_a_row_per_metric_and_none_without_baselines(fake_result):
    result, oof, folds = fake_result()
    assert baseline_table(result) is None
    text = report_markdown(with_baseline(result, (0.05, 0.25)), oof, folds, {})
    part = text.split("## Baselines")[1].split("##")[0]
    rows = [line for line in part.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + len(result.metrics)
    assert rows[1].endswith("| 0.4500 | 0.5000 ± 0.1000 | +0.2000 ± 0.1000 |")
    for said in ("Linear probe: logistic regression.", "Boosting skipped: about 9 s", "accuracy, better than linear"):
        assert said in part
    skipped = replace(result, baselines={"boosting": Baseline("trees", skipped="too long")})
    assert "Boosting skipped: too long" in report_markdown(skipped, oof, folds, {})
