"""The page as a file: its language, its fields, and that nothing of a run becomes markup."""

import json
import re
from html.parser import HTMLParser

import pytest

from trainer.inference.serving.web_page import page, page_language

EVIL = "</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}"
FACTS = {
    "run": EVIL,
    "task": "binary",
    "classes": [EVIL, "no"],
    "model": [EVIL],
    "blend": None,
    "folds": ["0"],
    "input": "row",
    "score": {"label": "accuracy", "mean": 0.5, "sd": None},
    "decision": None,
    "versions": {"foldwise": "1.0"},
    "columns": [
        {"name": EVIL, "kind": "number", "written": "numbers"},
        {"name": "when", "kind": "date", "written": "dates"},
        {"name": "colour", "kind": "category", "categories": [EVIL, "red"], "n_categories": 2},
        {"name": "town", "kind": "category", "categories": ["A", "B"], "n_categories": 300},
        {"name": "words", "kind": "text"},
    ],
}


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.data, self.inside = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = dict(attrs).get("id") or tag

    def handle_data(self, data):
        self.data[self.inside] = self.data.get(self.inside, "") + data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def test_text_of_a_run_is_text_and_no_markup():
    text, _ = page(FACTS, "en")
    found = Tags(text)
    assert [attrs.get("src") for attrs in found.all("img")] == []
    assert len(found.all("script")) == 3
    assert found.data["h1"].strip() == EVIL
    assert json.loads(found.data["facts"])["classes"] == [EVIL, "no"]
    assert not [name for _, attrs in found.tags for name in attrs if name.startswith("on")]


def test_each_kind_of_column_has_its_field_and_each_field_its_label():
    found = Tags(page(FACTS, "en")[0])
    fields = [(tag, attrs) for tag, attrs in found.tags if "data-column" in attrs]
    assert [tag for tag, _ in fields] == ["input", "input", "select", "input", "textarea"]
    assert [attrs["data-column"] for _, attrs in fields] == [column["name"] for column in FACTS["columns"]]
    assert [attrs.get("placeholder") for _, attrs in fields[:2]] == ["number", "date"]
    assert {attrs["id"] for _, attrs in fields} <= {attrs.get("for") for attrs in found.all("label")}
    assert [attrs["value"] for attrs in found.all("option")] == ["", EVIL, "red", "A", "B"]


def test_the_policy_lets_this_script_run_and_nothing_come_from_elsewhere():
    text, policy = page(FACTS, "en")
    [nonce] = re.findall(r"script-src 'nonce-([\w-]{16,})'", policy)
    found = Tags(text)
    run = [attrs for attrs in found.all("script") if attrs.get("type") != "application/json"]
    assert [attrs["nonce"] for attrs in (*run, *found.all("style"))] == [nonce, nonce]
    assert not [attrs for _, attrs in found.tags if "style" in attrs]
    assert not re.search(r"(?:src|href)=\"(?!data:,)", text)
    assert "http://" not in text
    assert nonce not in page(FACTS, "en")[1]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("en;q=0.2, zh-Hant-TW;q=0.7", "zh"),
        ("fr-FR,zh;q=0.1", "zh"),
        ("zh;q=0,en", "en"),
        ("fr", "en"),
        ("", "en"),
        (None, "en"),
        ("zh;q=much", "en"),
        ("../../zh", "en"),
    ],
)
def test_the_language_is_the_browsers(accepted, language):
    assert page_language(accepted) == language


def test_else_it_is_that_of_who_serves(monkeypatch):
    monkeypatch.setenv("FOLDWISE_LANG", "zh_CN.UTF-8")
    assert [page_language(one) for one in (None, "fr", "en")] == ["zh", "zh", "en"]
    text, _ = page(FACTS, "zh")
    assert '<html lang="zh-CN">' in text
    assert "预测" in text
    assert "Predict" not in text
