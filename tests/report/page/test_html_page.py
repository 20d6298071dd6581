"""report.html: its title, its tables, both languages, and nothing in it that is markup from the data."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.battery import some_of
from tests.fake_results import make_result
from trainer.evidence.slices import Slice
from trainer.report.markdown import write_report
from trainer.report.page import html_page as page_module
from trainer.report.page.page_words import page_language
from trainer.report.page.run_facts import PageFacts, RowContent
from trainer.tasks import MULTICLASS, MULTILABEL, REGRESSION

LARGEST = 2_000_000  # bytes


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.inside = [], "", ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.text += data


def written(folder, made, facts=None, **more):
    result, oof, folds = made
    write_report(folder, result, oof, folds, more.pop("about", {}), page=facts, **more)
    return (folder / "report.html").read_text(encoding="utf-8")


def read(text):
    page = Tags()
    page.feed(text)
    return page


def data_of(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def page_of(name, folder):
    """A page that has a name wherever data, options or the audit can bring one in."""
    facts = PageFacts(
        name,
        config=name,
        versions={name: name},
        split={"strategy": name, "notes": [name]},
        audit=[{"severity": "leak", "message": name, "fix": name}],
        rows=lambda ids: [RowContent(name) for _ in ids],
        slices=[Slice(name, 20, 0.5, 0.4, 0.6, 0.7, 0.01)],
    )
    made = make_result(classes=("a", "b", name))
    return written(folder, made, facts, about={"data": name, "command": name}, warnings=[name])


@pytest.fixture(scope="module")
def harmless(tmp_path_factory):
    return read(page_of("harmless", tmp_path_factory.mktemp("harmless")))


NAMES = ("<script>alert(1)</script>", "a|b", "**bold** _it_ `c`", "</script><b>", "{{ 7 * 7 }}", '" onload="x')


@pytest.mark.parametrize("name", some_of(NAMES, NAMES[3:]))
def test_names_from_data_are_text_and_nothing_else(tmp_path, name, harmless):
    text = page_of(name, tmp_path)
    found = read(text)
    assert found.text.count(name) > 12
    assert found.tags == harmless.tags
    assert name in [one["name"] for one in data_of(text)["curves"]["classes"]]


def test_the_title_names_the_run_and_the_page_is_one_small_file(fake_result, tmp_path):
    text = written(tmp_path, fake_result(), PageFacts("a1"))
    assert "<title>a1 · Cross validation report</title>" in text
    assert len(text) < LARGEST
    assert "default-src 'none'" in text
    assert "What the audit found" in text
    assert "Nothing was looked for, or it was not noted." in text
    assert 'lang="en"' in text


def test_split_and_audit_are_told(fake_result, tmp_path):
    result, oof, folds = fake_result()
    oof = replace(oof, group=np.arange(90) // 9)
    part = {"repeat": 0, "groups": {"held_out": 4, "both_sides": 0}}
    split = {"strategy": "group", "n_rows": 100, "folds": [{**part, "fold": fold} for fold in range(3)]}
    facts = PageFacts("a1", split=split, audit=[{"severity": "leak", "message": "copies", "fix": "cv=group"}])
    text = read(written(tmp_path, (replace(result, n_groups=10), oof, folds), facts)).text
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    assert "strategygroup" in lines
    assert "groups10" in lines
    assert "rows that no fold holds out10" in lines
    assert "leakcopies fix: cv=group" in lines
    assert "10 groups were drawn" in text


def test_the_page_speaks_chinese(fake_result, tmp_path):
    audit = [{"kind": "exact_copies", "severity": "leak", "message": "in English", "fix": "cv.group=auto_duplicates"}]
    text = written(tmp_path, fake_result(MULTILABEL), PageFacts("a1", language="zh", audit=audit))
    assert "有些行与其他行完全相同。 in English" in text
    assert "<title>a1 · 交叉验证报告</title>" in text
    assert 'lang="zh-CN"' in text
    left = set(re.findall(r"\b(threshold|worst|rows|slices|curves|folds)\b", read(text).text.casefold()))
    assert left <= {"folds"}  # of the sentence that the terminal has too
    assert "阈值" in data_of(text)["words"]["threshold"]


@pytest.mark.parametrize(
    ("wanted", "lang", "language"),
    [("auto", "zh_CN.UTF-8", "zh"), ("auto", "de", "en"), ("en", "zh", "en"), ("zh", "C", "zh")],
)
def test_the_language_is_the_users_or_what_is_asked_for(monkeypatch, wanted, lang, language):
    monkeypatch.setenv("FOLDWISE_LANG", lang)
    assert page_language(wanted) == language


def test_a_thousand_classes_are_limited_and_said_so(tmp_path, fake_result):
    result, oof, folds = fake_result()
    names = tuple(f"class {k}" for k in range(1000))
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(1000) / 9, 90).astype(np.float32)
    many = replace(result, classes=names), replace(oof, proba=proba, target=rng.integers(0, 1000, 90)), folds
    text = page_module.report_page(*many, shown(), {}, PageFacts("a1"))
    assert len(text) < LARGEST
    assert "200 of 1,000 are listed: those with the lowest F1." in text
    assert "Curves of 12 of 1,000 classes" in text
    assert "Most frequent confusions" in text


def shown():
    names = ("warnings", "hints", "undefined_lines", "seed_lines", "optimism_rows", "decision", "scaling_rows")
    return dict.fromkeys(names, ()) | {"nested": None, "baselines": None, "amp": {}, "notes": {}, "command": ""}


def test_numbers_have_residuals_and_no_threshold(fake_result, fake_fold):
    result, oof, folds = fake_result()
    value = np.linspace(-1, 1, 90)
    numbers = replace(oof, target=value, proba=value[:, None] + 0.5)
    text = page_module.report_page(
        replace(result, task=REGRESSION, classes=()), numbers, folds, shown(), {}, PageFacts()
    )
    assert 'id="slider"' not in text
    assert data_of(text)["residuals"]["n_rows"] == 90
    assert "-0.5000" in text


def test_without_the_plotting_library_pictures_stay(fake_result, tmp_path, monkeypatch):
    page_module.plotting_library.cache_clear()
    monkeypatch.setattr(page_module, "LIBRARY", "absent-*.gz")
    text = written(tmp_path, fake_result(MULTICLASS))
    page_module.plotting_library.cache_clear()
    assert '<script type="text/plain" id="library"></script>' in text
    assert "pictures stand for the charts" in text
    assert len(text) < 600_000


def test_many_metrics_are_spread_over_tables_that_fit_a_printed_page(fake_result, tmp_path):
    result, oof, folds = fake_result()
    more = {f"m{i}": result.metrics["accuracy"] for i in range(20)}
    text = written(tmp_path, (replace(result, metrics=result.metrics | more), oof, folds))
    tables = re.findall(r'aria-label="Folds (\d)">(.*?)</table>', text, re.DOTALL)
    assert len(tables) == -(-(len(result.metrics) + 20) // 9)
    assert all(table.count('scope="col"') <= 14 for _, table in tables)
    assert sum(table.count("m19") for _, table in tables) == 1
