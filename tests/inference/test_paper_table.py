"""Tables for papers: figures of the runs, bold for what is shown, names that are no markup."""

import re

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from tests.inference.blend_cases import make_plan
from tests.inference.test_compare import TARGET, N, run
from trainer.cli.main import main
from trainer.errors import ConfigError, DataError
from trainer.inference.compare import compare
from trainer.inference.compare_answer import answer
from trainer.inference.paper_table import as_latex, as_markdown, latex_text, paper_table


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    strengths = {"weak_1": 0.1, "other & co": 0.1, "strong": 3.0}
    return [run(folder / name, strength=s, seed=i) for i, (name, s) in enumerate(strengths.items())]


def test_figures_are_those_of_the_folds_and_bold_is_what_compare_says(runs):
    found = paper_table(runs, ["accuracy", "roc_auc"])
    compared = compare(runs, metric="accuracy")
    plan = make_plan(N)
    for figures, one in zip(found.figures, compared.runs, strict=True):
        right = one.run.proba_RNC[0].argmax(axis=1) == TARGET
        folds = [right[plan.fold_of_row[0] == fold].mean() for fold in range(4)]
        assert (figures[0].mean, figures[0].sd) == pytest.approx((np.mean(folds), np.std(folds, ddof=1)))
        assert figures[0].score == accuracy_score(TARGET, one.run.proba_RNC[0].argmax(axis=1))
        assert figures[0].ci95 == one.ci95
    assert [figures[0].best for figures in found.figures] == [False, False, True]
    assert "better than weak_1 and other & co" in answer(compared)


def test_no_run_is_bold_where_no_difference_is_shown(runs):
    found = paper_table(runs[:2])
    assert found.figures[0][0].score != found.figures[1][0].score
    text = as_markdown(found)
    assert "**" not in text
    assert "beyond chance" in text
    assert "No run is." in text


def test_markdown_and_latex_escape_names(runs, capsys):
    found = paper_table(runs, ["accuracy", "roc_auc"])
    lines = as_markdown(found).splitlines()
    assert {line.count("|") for line in lines[:5]} == {6}
    assert lines[4].startswith("| strong | **0.")
    assert "| other &amp; co |" in lines[3]
    assert main(["table", *map(str, runs), "--metric", "accuracy", "--metric", "roc_auc", "--format", "latex"]) == 0
    latex = capsys.readouterr().out
    assert latex == as_latex(found)
    assert r"weak\_1 & " in latex
    assert r"other \& co & " in latex
    assert re.search(r"strong & \\textbf\{[\d.]+ \$\\pm\$ [\d.]+\} & \\textbf\{[\d.]+ \([\d.]+--[\d.]+\)\}", latex)
    body = [line for line in latex.splitlines() if line[0] not in "%\\" and "multicolumn" not in line]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {4}
    assert latex_text(r"a\b^~{$#%}<|>") == (
        r"a\textbackslash{}b\textasciicircum{}\textasciitilde{}\{\$\#\%\}\textless{}\textbar{}\textgreater{}"
    )


def test_one_run_is_a_table_too_and_what_cannot_be_is_refused(runs, tmp_path, capsys):
    alone = paper_table(runs[:1])
    assert alone.metrics == ("accuracy",)
    assert alone.figures[0] == tuple(one for one in paper_table(runs[:2]).figures[0])
    assert "Bold" not in as_markdown(alone)
    with pytest.raises(ConfigError, match="named twice"):
        paper_table(runs, ["accuracy", "accuracy"])
    with pytest.raises(ConfigError, match="--metric"):
        paper_table(runs[:1], ["rmse"])
    shorter = run(tmp_path / "shorter", target=TARGET[:60])
    with pytest.raises(DataError, match="--unpaired"):
        paper_table([runs[0], shorter])
    assert len(paper_table([runs[0], shorter], unpaired=True).names) == 2
    assert main(["table", str(runs[0]), "--format", "html"]) == 2
    assert "give one of latex, markdown" in capsys.readouterr().err


def test_the_answer_speaks_chinese(runs, monkeypatch):
    monkeypatch.setenv("FOLDWISE_LANG", "zh")
    assert answer(compare([runs[0], runs[2]])).startswith("strong 优于 weak_1：准确率 0.")
    assert "看不出 " in answer(compare(runs[:2]))
    assert answer(compare(runs)).startswith("strong 得分最高（准确率 0.")
