"""Lines beside the tables: in English as on the terminal, in Chinese with the same figures."""

import re
from dataclasses import replace

import numpy as np
import pytest

from tests.fake_results import make_result
from trainer.metrics.undefined import undefined_reasons
from trainer.report import formatting
from trainer.report.nested_table import NestedTable
from trainer.report.page.line_words import fact_rows, nested_heading, seed_lines, technical, undefined_lines
from trainer.report.page.page_words import page_words
from trainer.results import MetricSummary
from trainer.tasks import BINARY, MULTILABEL
from trainer.wording.translations import translated

ENGLISH, CHINESE = (page_words("en"), str), (page_words("zh"), translated("zh"))
SEEDS = {"oof": [0.8467, 0.86], "sd": 0.0094, "shares": [0.14, 0.86, 0.0]}


@pytest.mark.parametrize(
    ("found", "chinese"),
    [
        (SEEDS, "相同的折、种子 1, 2：折外准确率 0.8467, 0.8600（标准差 0.0094）; 单折取值的方差中：种子占 14 %，"),
        ({**SEEDS, "shares": None}, "相同的折、种子 1, 2：折外准确率 0.8467, 0.8600（标准差 0.0094）"),
        ({"oof": [0.8, np.nan], "undefined": "undefined in some folds"}, "；离散程度：在某些折中无定义"),
    ],
    ids=["shares", "no shares", "undefined"],
)
def test_seeds(fake_result, found, chinese):
    result = replace(fake_result()[0], seeds={"seeds": [1, 2], "metrics": {"accuracy": found}})
    assert seed_lines(result, *ENGLISH) == formatting.seed_lines(result)
    assert chinese in seed_lines(result, *CHINESE)[0]
    assert seed_lines(replace(result, seeds={}), *CHINESE) == []


@pytest.mark.parametrize("task", [BINARY, MULTILABEL], ids=str)
def test_undefined(task):
    result, oof, _ = make_result(task, ("no", "yes"))
    target = oof.target.copy()
    target[oof.fold == 0] = 0
    oof = replace(oof, target=target)
    values = (np.nan, *[0.5] * (result.n_splits - 1))
    metrics = {name: MetricSummary(values, 0.5, 0.0, 0.5, None) for name in ("accuracy", "roc_auc")}
    undefined = undefined_reasons(metrics, oof, result.task, result.classes)
    result = replace(result, metrics=metrics, undefined=undefined)
    assert undefined_lines(result, oof, *ENGLISH) == formatting.undefined_lines(result)
    [said] = undefined_lines(result, oof, *CHINESE)
    lacks = "没有类别为 'yes' 的行" if task == BINARY else "没有带标签 'no' 或 'yes' 的行"
    assert f"准确率, ROC AUC: {result.n_splits} 折中 {result.n_splits - 1} 折的均值: 第 0 折留出的行中{lacks}" in said
    assert not re.search("fold|mean|row", said)


def test_nested_and_facts():
    nested = NestedTable(
        2, "accuracy", ["fold", "picked", "epoch", "inner accuracy", "held-out accuracy", "diverged candidates"], []
    )
    assert nested_heading(nested, *ENGLISH) == nested.heading
    assert nested_heading(nested, *CHINESE) == ["折", "选中", "轮次", "内层准确率", "留出准确率", "发散的候选"]
    rows = [("notes", "own; 1 of 9 rows are used in no fold"), ("training time", "1 s"), ("own", "x")]
    assert fact_rows(rows, str) == rows
    assert fact_rows(rows, CHINESE[1]) == [
        ("备注", "own; 9 行中有 1 行没有用在任何一折中"),
        ("训练时间", "1 s"),
        ("own", "x"),
    ]


@pytest.mark.parametrize(
    ("fact", "chinese"),
    [
        ("bees_160, 397 rows, binary, 2 classes", "bees_160，397 行，二分类，2 个类别"),
        ("diabetes, 442 rows, regression", "diabetes，442 行，回归"),
        (
            "labels: ants -> 0, bees -> 1; features: 2 numeric, 1 categorical",
            "标签：ants -> 0, bees -> 1; 特征：2 个数值，1 个类别",
        ),
        ("cpu, 2 threads", "cpu，2 个线程"),
    ],
)
def test_what_is_known_of_a_run_is_said_in_the_language_of_the_page(fact, chinese):
    assert fact_rows([("data", fact)], translated("zh")) == [("数据", chinese)]
    assert fact_rows([("data", fact)], str) == [("data", fact)]


def test_facts_about_cost_have_names_and_values_of_the_data_stay():
    assert technical("peak memory", translated("zh")) == "峰值内存"
    assert technical("47.0 MiB", translated("zh")) == "47.0 MiB"
    assert technical("folds", str) == "number of folds"
