"""Notes that a run kept in English, in the language of the page."""

import ast
import re
from string import Formatter

import pytest

from tests.places import REPOSITORY
from trainer.evidence.slices import Slice
from trainer.report.page import note_words
from trainer.report.page.note_words import NOTES, note_word, slice_word, warning_word
from trainer.report.page.page_words import page_words
from trainer.run.baselines.fit_folds import Budget, _too_long
from trainer.wording.translations import translated

SAY = translated("zh")
WRITERS = ("folds/plan.py", "folds/notes.py", "run/merge.py", "run/baselines/*.py", "evidence/*.py", "search/trial.py")


def literal(template):
    return "".join(text for text, *_ in Formatter().parse(template))


def sentences():
    """Yield the fixed parts of the sentences of the code that keeps notes."""
    for path in [found for name in WRITERS for found in (REPOSITORY / "trainer").glob(name)]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            fixed = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
            if fixed:
                yield fixed


def fits(fixed, text):
    """Whether a text has these parts in their order."""
    places = [0]
    for part in fixed:
        found = text.find(part, places[-1])
        if found < 0:
            return False
        places.append(found + len(part))
    return True


def test_every_template_is_a_sentence_of_the_code():
    written = list(sentences())
    for template in NOTES:
        enough = len(literal(template)) / 2
        assert any(sum(map(len, fixed)) >= enough and fits(fixed, template) for fixed in written), template


@pytest.mark.parametrize("template", NOTES)
def test_a_note_is_said_with_what_stood_in_its_fields(template):
    fields = {name: f"«{name}» 3" for _, name, _, _ in Formatter().parse(template) if name}
    fields |= {"inner": "its predictions are not finite"} if "inner" in fields else {}
    note, said = template.format(**fields), note_word(template.format(**fields), SAY)
    assert note_word(note, str) == note
    assert re.search("[\u4e00-\u9fff]", said)
    assert all(text in said for name, text in fields.items() if name != "inner")
    assert "its predictions" not in said


@pytest.mark.parametrize("allowed", [0.1, 0.2])
def test_why_a_baseline_was_skipped(allowed):
    said = note_word(_too_long("boosting", 3.0, Budget(allowed, 2.0)), SAY)
    assert said.endswith("训练时间（2.0 s）的十分之一；baseline=boosting 可强制拟合")
    assert ("与其他基线合计" in said) == (allowed < 0.2)


def test_another_note_stays_as_it_is():
    assert note_word("a note of a plugin", SAY) == "a note of a plugin"
    assert note_word("", SAY) == ""


def test_a_warning_of_the_audit_says_its_kind_first():
    words = page_words("zh")
    finding = {"kind": "groups", "severity": "leak", "message": "3 groups.", "fix": "cv=group"}
    said = warning_word("audit, leak: 3 groups. Fix: cv=group.", [finding], words, SAY)
    assert said.startswith("泄漏检查（泄漏）：")
    assert said.endswith(" 3 groups. 解决办法：cv=group")
    assert warning_word("2 of 9 rows are used in no fold", [finding], words, SAY) == "9 行中有 2 行没有用在任何一折中"
    assert (
        warning_word("audit, leak: 3 groups. Fix: cv=group.", [], words, SAY) == "audit, leak: 3 groups. Fix: cv=group."
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("age -1.5 to 4e+06", "age -1.5 至 4e+06"),
        ("time to 3 3 to inf", "time to 3 3 至 inf"),
        ("way = 3 to 4", "way = 3 to 4"),  # a category and its name
        ("road to 9", "road to 9"),
        ("age missing", "age 缺失"),
        ("state = missing", "state = missing"),
    ],
)
def test_slices(name, said):
    assert slice_word(Slice(name, 20, 0.5, 0.4, 0.6, 0.5), SAY) == said


def test_the_example_is_what_comes_out():
    import doctest

    assert doctest.testmod(note_words).failed == 0
