"""Metrics, findings and baselines in the language of the page."""

import re
from dataclasses import replace

import pytest

from tests.places import REPOSITORY
from tests.report.test_baseline_table import with_baseline
from trainer.metrics.find import house_metrics
from trainer.report.baseline_table import baseline_table
from trainer.report.formatting import metric_label
from trainer.report.page.page_words import page_words
from trainer.report.page.term_words import (
    FINDINGS,
    METRICS,
    MODELS,
    baseline_lines,
    finding_words,
    in_words,
    metric_with_arrow,
    metric_word,
)

ENGLISH, CHINESE = page_words("en"), page_words("zh")


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_called_as_on_the_terminal_and_in_chinese(name):
    number = house_metrics()[name].number
    for one in (name, *([] if number is None else [f"{name}@{number.default:g}"])):
        assert metric_with_arrow(one, ENGLISH) == metric_label(one)
        assert metric_with_arrow(one, CHINESE)[-1] == metric_label(one)[-1]
    assert re.search("[\\u4e00-\\u9fffκ]", metric_word(name, CHINESE))


def test_what_is_not_here_is_called_as_it_calls_itself():
    assert metric_word("roc_auc", CHINESE) == "ROC AUC"
    assert metric_with_arrow("my_pkg.my_metric", CHINESE) == "my_pkg.my_metric"
    assert metric_word("recall_at_specificity@0.9", CHINESE) == "特异度为 0.9 时的召回率"
    assert in_words([["a", "1"], ["b", "2"]], ["accuracy", "rmse"], CHINESE) == [
        ["准确率 ↑", "1"],
        ["均方根误差（RMSE） ↓", "2"],
    ]


def test_every_finding_that_is_named_is_one_of_the_audit():
    code = "".join(path.read_text() for path in (REPOSITORY / "trainer" / "audit" / "checks").glob("*.py"))
    made = set(re.findall(r'(?:Finding\(|_whole_file\(|_on_both_sides\(|kind=)"(\w+)"', code))
    assert set(FINDINGS) == made - {"stable"}  # a kind of sorting
    assert finding_words("groups", CHINESE).endswith("。")
    assert finding_words("of a plugin", CHINESE) == ""


@pytest.mark.parametrize("ci95", [(0.05, 0.25), (-0.25, -0.05), (-0.1, 0.1), None], ids=str)
def test_baselines_are_told_as_in_the_report(fake_result, ci95):
    model = next(iter(MODELS))
    result = with_baseline(fake_result()[0], ci95)
    [name] = [name for name, one in result.baselines.items() if not one.skipped]
    result = replace(result, baselines={name: replace(result.baselines[name], model=model)})
    models, leads = baseline_lines(result, ENGLISH)
    report = baseline_table(result)
    assert models == report.models
    plain = [re.sub(r"\(95 % interval (.*?)\)", r"(interval \1, 95 %)", one) for one in report.leads]
    assert leads == plain
    models, leads = baseline_lines(result, CHINESE)
    assert models == ["线性探针：梯度提升树（scikit-learn 的 HistGradientBoosting）。"]
    assert all(one.startswith("准确率：") for one in leads)
