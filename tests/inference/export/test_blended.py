"""A blend, exported: what its runs say is put together as foldwise predict does it, in numpy alone."""

import json

import numpy as np
import pytest

from tests.inference.export.alone import NEEDED, predict_alone, require_same_rows, site_with
from tests.inference.run_cases import QUICK, trained_in, write_rows
from trainer.cli.main import main
from trainer.errors import CheckpointError, ConfigError
from trainer.inference.blend_run import blend_runs
from trainer.inference.combine import Combination, combine
from trainer.inference.decide import Wanted, decide_run
from trainer.inference.decision_run import save_decision
from trainer.inference.export import blended
from trainer.inference.export.blended import export
from trainer.inference.export.steps import predict_file
from trainer.inference.export.steps.combining import combined
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL, REGRESSION

N, K = 60, 3
RNG = np.random.default_rng(0)
WIDTHS = {BINARY: 2, MULTICLASS: 4, MULTILABEL: 3, REGRESSION: 1}


def combination(method, task):
    weights, width = (0.5, 0.0, 0.5), WIDTHS[task]
    if method == "rank":
        values = np.sort(RNG.random((K, width, 20)), axis=2)
        shares = tuple(np.arange(1, 21) / 20)
        return Combination("rank", weights, curves=tuple(tuple((tuple(v), shares) for v in run) for run in values))
    if method == "stack":
        outputs, features = (1, 1) if task is BINARY else (width, 1 if task is MULTILABEL else width)
        coefficients = RNG.normal(size=(outputs, K, features)).tolist()
        return Combination(
            "stack", weights, coefficients=coefficients, intercepts=tuple(RNG.normal(size=outputs).tolist())
        )
    return Combination(method, weights, scale=1.7)


@pytest.mark.parametrize("task", WIDTHS, ids=str)
@pytest.mark.parametrize("method", ["mean", "rank", "greedy", "nonnegative", "stack"])
def test_runs_are_put_together_as_in_the_blend(method, task):
    if method == "stack" and task is REGRESSION:
        pytest.skip("stacking is of classes")
    logits = 3 * RNG.normal(size=(K, N, WIDTHS[task]))
    proba = logits if task is REGRESSION else 1 / (1 + np.exp(-logits))
    proba = proba / proba.sum(axis=2, keepdims=True) if task.one_class_each else proba
    fitted = combination(method, task)
    plain = {"has_classes": task.has_classes, "several_labels": task.several_labels}
    found = combined(json.loads(json.dumps(fitted.to_plain())), plain, proba)
    np.testing.assert_allclose(found, combine(fitted, task, proba), rtol=1e-12, atol=1e-15)


@pytest.fixture(scope="module")
def blend(tmp_path_factory):
    """A run on the columns of numbers and one on the words of one file, blended and decided on."""
    folder = tmp_path_factory.mktemp("blend")
    rows = [["key", "size", "said", "label"]]
    for number in range(40):
        yes = number % 2
        rows.append(
            [f"r{number}", f"{RNG.normal() + yes:.3f}", f"{('bad', 'good')[yes]} {number % 5}", ("no", "yes")[yes]]
        )
    path = write_rows(folder / "rows.csv", rows)
    file = (f"data.path={path}", "data.id=key", *QUICK)
    table = trained_in(folder, "data=csv_tabular", "data.drop=[said]", "model.hidden=[4]", *file, "run=table")
    words = ("data=csv_text", "data.text=said", "model=text_cnn", "model.filters=4", "model.embedding_dim=4")
    texts = trained_in(folder, *words, *file, "run=texts")
    out = folder / "runs/blend"
    blend_runs([table, texts], out, method="nonnegative")
    save_decision(out, decide_run(out, Wanted("f1_macro", calibrate="temperature")))
    return out


def test_a_blend_predicts_alone(blend, tmp_path, capsys):
    assert main(["export", str(blend), "-o", str(tmp_path / "model")]) == 0
    said = capsys.readouterr().out
    assert "torch differ by" in said
    assert "its runs from their oof.parquet by" in said
    assert main(["verify", str(blend), "--export", str(tmp_path / "model")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert [f"{name}: 40 held-out predictions" in said for name in ("0_table", "1_texts")] == [True, True]
    assert "the blend: the exported model and torch differ by" in said
    site = site_with(tmp_path / "site", (*NEEDED, "tokenizers"))
    new = write_rows(
        tmp_path / "new.csv", [["said", "key", "size"], ["good 1", "a", "0.3"], ["", "b", ""], ["x", "c", "9"]]
    )
    done = predict_alone(site, tmp_path / "model", str(new), "-o", str(tmp_path / "alone.csv"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert main(["predict", str(blend), str(new), "-o", str(tmp_path / "run.csv")]) == 0
    require_same_rows(tmp_path / "alone.csv", tmp_path / "run.csv")
    alone = ["-o", str(tmp_path / "one.csv"), "--raw"]
    assert predict_file.main(tmp_path / "model/0_table", [str(new), *alone]) == 0  # each is a model by itself
    card = (tmp_path / "model/README.md").read_text(encoding="utf-8")
    assert "A blend of 2 runs by nonnegative" in card
    assert "numpy, tokenizers and onnxruntime" in card


def test_a_blend_of_blends_and_what_cannot_be(blend, tmp_path, monkeypatch):
    outer = blend.parent / "outer"
    blend_runs([blend, blend.parent / "table"], outer, method="mean")
    done = export(outer, tmp_path / "model", form="torch")
    assert done.largest <= 1e-6
    table = str(blend.parents[1] / "rows.csv")
    assert predict_file.main(tmp_path / "model", [table, "-o", str(tmp_path / "alone.csv")]) == 0
    assert main(["predict", str(outer), table, "-o", str(tmp_path / "run.csv")]) == 0
    require_same_rows(tmp_path / "alone.csv", tmp_path / "run.csv")
    with pytest.raises(ConfigError, match="is a blend, all folds of whose runs predict: --mode ensemble"):
        export(outer, tmp_path / "no", mode="fold=0")
    monkeypatch.setattr(blended, "mean_of", lambda proba_KBC, facts: proba_KBC[0] + 2e-4)
    with pytest.raises(CheckpointError, match=r"torch are 0\.\d+ apart"):
        export(outer, tmp_path / "no", form="torch")
    assert not (tmp_path / "no").exists()
