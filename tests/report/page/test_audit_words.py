"""What the audit found, in the language of the page."""

import re
from dataclasses import replace

import numpy as np
import pytest

from tests.audit.audit_cases import SPEC, folds, table, texts
from tests.report.page.kept_sentences import fields_of, literal, sentences
from trainer.audit.run import audit
from trainer.report.page import audit_words
from trainer.report.page.audit_words import (
    GRAMMAR,
    SENTENCES,
    TERMS,
    finding_text,
    fix_words,
    message_words,
    warning_word,
)
from trainer.report.page.note_words import FIGURES
from trainer.report.page.page_words import page_words
from trainer.wording.translations import translated

SAY, WORDS = translated("zh"), page_words("zh")
ENGLISH = re.compile(r"\b[a-z]{3,}\b")
NUMBER = re.compile(r"\d[\d,.]*\d|\d")
RANDOM = np.random.default_rng(0)
NOISE, LABELS = RANDOM.normal(size=(300, 2)), RANDOM.integers(0, 2, 300)
MOSTLY_ZEROS = table(np.vstack([np.zeros((100, 2)), NOISE]), target=[1] * 4 + [0] * 96 + LABELS.tolist())
LONG = "the room was large and clean and the staff were very friendly to us"
FOUND = {  # findings of real rows, with what is not to be translated
    "near and exact copies": audit(
        texts([LONG, LONG + " indeed", LONG.upper(), "breakfast was cold"]), SPEC, folds(0, 1, 2, 2)
    ),
    "copies of a whole file": audit(texts(["same words", "other", "Same words", "same words."]), SPEC, None),
    "copies by chance": audit(texts(["Okay.", "Right.", "okay!", "no"]), SPEC, folds(0, 0, 1, 1)),
    "groups": audit(texts(["aa", "bb", "cc", "dd"], groups=["ann", "bob", "ann", "cy"]), SPEC, folds(0, 1, 1, 1)),
    "groups of a whole file": audit(texts(["aa", "bb", "cc"], groups=["ann", "bob", "ann"]), SPEC, None, given=True),
    "a label, sorted rows": audit(table(np.sort(LABELS)[:, None] * 3.0, target=np.sort(LABELS)), SPEC, None),
    "an id": audit(table(np.c_[NOISE, np.arange(300.0)], target=LABELS), SPEC, None),
    "one input with both labels": audit(MOSTLY_ZEROS, SPEC, RANDOM.integers(0, 3, (1, 400))),
    "times": audit(
        table(NOISE[:4], target=[0, 1, 0, 1]), SPEC, folds(0, 0, 1, 1), times_N=np.array([1.0, np.nan, 0.0, 5.0])
    ),
    "trained on and held out": audit(
        table(NOISE[:4], target=[0, 1, 0, 1]), SPEC, folds(0, 0, 1, 1), train_rows=lambda *_: np.arange(4)
    ),
}


@pytest.mark.parametrize("kind", FOUND)
def test_what_was_found_is_said_without_an_english_word(kind):
    assert FOUND[kind]
    for one in FOUND[kind]:
        said = message_words(one.message, SAY)
        assert said is not None, one.message
        assert re.search("[\u4e00-\u9fff]", said)
        assert not ENGLISH.search(re.sub(r"'.*?'|\(\w+\)|\w+=\w+", "", said)), said
        assert sorted(re.findall(NUMBER, one.message)) == sorted(re.findall(NUMBER, said))
        assert finding_text(one.to_dict(), WORDS, SAY, "zh").startswith(said)


@pytest.mark.parametrize("template", SENTENCES)
def test_a_sentence_is_said_with_what_stood_in_its_fields(template):
    fields = {name: "0.25" if name in FIGURES else f"«{name}» 3" for name in fields_of(template)}
    fields |= {"inner": "Is it known before the label is?"} if "inner" in fields else {}
    said = message_words(template.format(**fields) + " Is it known before the label is?" * ("inner" not in fields), SAY)
    assert said.endswith("在标签之前就能知道它吗？")
    assert all(text in said for name, text in fields.items() if name not in (*GRAMMAR, "inner"))


def test_every_sentence_is_one_of_the_audit():
    parts = [part for parts in sentences("audit/checks/*.py") for part in parts]
    written = {sentence.strip() for part in parts for sentence in re.split(r"(?<=[.?]) ", part)}
    for text in (*SENTENCES, *TERMS):
        held = bytearray(len(literal(text)))
        for part in (part for part in written if len(part) > 3 and part in literal(text)):
            start = literal(text).index(part)
            held[start : start + len(part)] = b"x" * len(part)
        assert held.count(b"x") > 0.4 * len(held), text


def test_where_it_is_and_what_helps():
    said = "12 of 1,200 held-out rows are copies of training rows (7 folds, most in fold test: 5 of 240)."
    assert (
        message_words(said, SAY) == "1,200 个留出的行中有 12 行是训练行的副本（7 折，最多的是第 test 折：240 中的 5）。"
    )
    assert fix_words("cv=group (makes new folds)", SAY) == "cv=group（会重新划分）"
    assert fix_words("data.split=a cv=predefined, or data.drop=[a]", SAY).endswith("，或 data.drop=[a]")
    assert fix_words("cv.shuffle=true", SAY) == "cv.shuffle=true"


def test_a_warning_of_the_audit_is_known_by_its_finding():
    finding = FOUND["groups"][0].to_dict()
    warning = f"audit, leak: {finding['message']} Fix: {finding['fix']}."
    said = warning_word(warning, [finding], WORDS, SAY, "zh")
    assert said.startswith("泄漏检查（泄漏）：3 个组中有 1 个同时出现在两边")
    assert said.endswith("解决办法：cv=stratified_group")
    assert warning_word(warning, [], WORDS, SAY, "zh") == warning
    assert warning_word(warning, [finding], page_words("en"), str, "en") == warning
    assert warning_word("2 of 9 rows are used in no fold", [], WORDS, SAY, "zh").startswith("9 行中有 2 行")


def test_a_sentence_that_is_not_known_has_its_kind_before_it():
    finding = replace(FOUND["groups"][0], message="Something new.", fix="").to_dict()
    assert finding_text(finding, WORDS, SAY, "zh") == f"{WORDS['finding:groups']} Something new."
    assert finding_text(finding, page_words("en"), str, "en") == "Something new."


def test_the_example_is_what_comes_out():
    import doctest

    assert doctest.testmod(audit_words).failed == 0
