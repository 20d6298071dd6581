"""Notes that a run kept in English, in the language of the page."""

import re

import pytest

from tests.report.page.kept_sentences import fields_of, fits, literal, sentences
from trainer.evidence.slices import Slice
from trainer.report.page import note_words
from trainer.report.page.note_words import FIGURES, HINTS, NOTES, STATES, note_word, slice_word
from trainer.run.baselines.fit_folds import Budget, _too_long
from trainer.wording.translations import translated

SAY = translated("zh")
WRITERS = (
    "folds/plan.py",
    "folds/notes.py",
    "run/merge.py",
    "run/baselines/*.py",
    "evidence/*.py",
    "search/trial.py",
    "report/hints.py",
    "run/prepare.py",
    "run/files_of_run.py",
    "tasks.py",
    "data/*.py",
    "data/*/*.py",
    "store/run_records.py",
)


def test_every_template_is_a_sentence_of_the_code():
    written = list(sentences(*WRITERS))
    for template in (*NOTES, *HINTS, *STATES):
        enough = len(literal(template)) / 2
        assert any(sum(map(len, fixed)) >= enough and fits(fixed, template) for fixed in written), template


@pytest.mark.parametrize("template", [*NOTES, *HINTS, *STATES])
def test_a_note_is_said_with_what_stood_in_its_fields(template):
    fields = {name: "0.25" if name in FIGURES else f"«{name}» 3" for name in fields_of(template)}
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


def test_a_hint_calls_metrics_and_baselines_as_the_page_does():
    hint = "linear probe is better on the same folds (F1 (macro) 0.9, this model -): try another optimizer.lr, "
    hint += "max_epochs or model, or use it instead"
    said = note_word(hint, SAY, {"F1 (macro)": "宏平均 F1", "linear probe": "线性探针"})
    assert said.startswith("线性探针在相同的折上更好（宏平均 F1 0.9，本模型 -）：")


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
