"""Metrics of a user's own package are named by plugins, tried before training, and computed like any other."""

import json
import sys

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from trainer.cli.main import main as foldwise
from trainer.errors import ConfigError
from trainer.metrics.bootstrap import resample
from trainer.metrics.find import house_metrics, load_metric, metric_named, name_problem
from trainer.store.result_files import read_oof
from trainer.tasks import BINARY, MULTICLASS

PACKAGE = """
from sklearn.metrics import cohen_kappa_score
from trainer.metrics.contract import SINGLE_LABEL, metric
from trainer.metrics.predictions import predicted_like

calls = []


@metric(greater_is_better=True, tasks=SINGLE_LABEL, label="quadratic kappa")
def qwk(target, proba, weights=None):
    return cohen_kappa_score(target, predicted_like(target, proba), weights="quadratic", sample_weight=weights)


@metric(greater_is_better=False, tasks=SINGLE_LABEL)
def unweighted(target, proba, weights=None):  # looks at no weights
    calls.append(len(target))
    return (target != predicted_like(target, proba)).mean()


@metric(greater_is_better=True, tasks=SINGLE_LABEL)
def raises(target, proba, weights=None):
    raise KeyError("no such column")


@metric(greater_is_better=True, tasks=SINGLE_LABEL)
def writes(target, proba, weights=None):
    proba[0] = 0
    return 1.0


@metric(greater_is_better=True, tasks=SINGLE_LABEL)
def word(target, proba, weights=None):
    return "good"


@metric(greater_is_better=True, tasks=("multilabel",))
def of_labels(target, proba, weights=None):
    return 1.0


def bare(target, proba, weights=None):
    return 1.0
"""
QUICK = (
    "data=iris",
    "max_epochs=2",
    "cv.n_splits=2",
    "tracker=none",
    "profile=off",
    "audit=off",
    "baseline=off",
    "cv.parallel=1",
)


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "kappa_package"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACKAGE)
    (folder / "own_file.py").write_text(PACKAGE.replace("qwk", "own_file"))
    (folder / "forgot.py").write_text("@metric()\ndef forgot(target, proba): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "kappa_package"
    for name in [name for name in sys.modules if name.partition(".")[0] == "kappa_package"]:
        del sys.modules[name]


def test_nothing_is_imported_that_no_plugin_names(package):
    for name in (f"{package}.qwk", "os.path", "sklearn.metrics.accuracy_score"):
        with pytest.raises(ConfigError, match="is not allowed"):
            load_metric(name, ["another_package"])
        with pytest.raises(ConfigError, match="name it with plugins="):
            metric_named(name)
    assert package not in sys.modules
    assert load_metric(f"{package}.qwk", [package]).label == "quadratic kappa"
    assert load_metric(f"{package}.own_file", [package]).greater_is_better


def test_a_run_leads_with_a_user_s_metric_and_is_merged_elsewhere(train, tmp_path, package):
    names = f"metrics.names=[{package}.qwk,{package}.unweighted,accuracy]"
    outcome = train(*QUICK, f"plugins=[{package}]", names, "cv.select=inner", "run=a")
    assert outcome.code == 0, outcome.err
    assert "quadratic kappa" in outcome.out
    metrics = json.loads((tmp_path / "runs/a/cv.json").read_text())["metrics"]
    oof = read_oof(tmp_path / "runs/a/oof.parquet")
    expected = cohen_kappa_score(oof.target, oof.proba.argmax(axis=1), weights="quadratic")
    kappa, wrong, accuracy = metrics.values()
    assert kappa["oof"] == pytest.approx(expected)
    assert kappa["ci95"][0] < expected < kappa["ci95"][1]
    assert wrong["oof"] == pytest.approx(1 - accuracy["oof"])
    assert np.diff(wrong["ci95"]) == pytest.approx(np.diff(accuracy["ci95"]), rel=0.3)

    before = (tmp_path / "runs/a/cv.json").read_bytes()
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]
    assert foldwise(["report", "runs/a"]) == 2
    assert package not in sys.modules
    assert foldwise(["report", "runs/a", "--plugins", package]) == 0
    assert (tmp_path / "runs/a/cv.json").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("raises", "raised KeyError on 75 held-out rows: 'no such column'"),
        ("writes", "raised ValueError on 75 held-out rows: assignment destination is read-only"),
        ("word", "returned 'good', not a number"),
        ("of_labels", "is not for a multiclass task"),
        ("bare", "is no metric: write @metric(...)"),
        ("forgot", "cannot import kappa_package.forgot: NameError"),
        ("absent", "is no metric"),
    ],
)
def test_a_wrong_metric_is_refused_before_training(train, tmp_path, package, name, said):
    outcome = train(*QUICK, f"plugins=[{package}]", f"metrics.names=[{package}.{name}]")
    assert outcome.code == 2
    assert said in outcome.err
    assert not (tmp_path / "runs").exists()


def test_a_metric_without_a_form_for_many_weightings_is_called_for_fewer_of_the_same_resamples(package):
    names = [f"{package}.unweighted", "accuracy"]
    load_metric(names[0], [package])
    target = np.arange(400) % 2
    proba = np.random.default_rng(0).dirichlet([1, 1], 400).astype(np.float32)
    own, fast = resample(names, BINARY, target, proba).values()
    assert (len(own), len(fast)) == (200, 1000)
    assert own == pytest.approx(1 - fast[:200])
    many = resample(names, BINARY, np.zeros(500_000, dtype=np.int64), np.full((500_000, 2), 0.5, dtype=np.float32))
    assert [len(values) for values in many.values()] == [50, 200]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("accuracy@3", "metric 'accuracy' takes no number"),
        ("f_beta@", "nothing is not a number above 0"),
        ("f_beta@x", "x is not a number above 0"),
        ("lift@10", "10 is not a number above 0, at most 1"),
        ("top_k@1.5", "1.5 is not a whole number above 0"),
        ("f_bata@2", "did you mean 'f_beta'"),
        ("qwk", "did you mean 'kappa_quadratic'"),
    ],
)
def test_a_number_that_a_metric_cannot_take_is_refused(name, said):
    assert said in str(name_problem(name, BINARY if "top" not in name else MULTICLASS))
    with pytest.raises(ConfigError, match=said):
        metric_named(name)


def test_a_number_behind_the_name_is_the_metric_s_own_and_of_a_user_s_too(package, tmp_path):
    half, two = metric_named("f_beta@0.5"), metric_named("f_beta@2")
    assert (half.label, two.label, metric_named("f_beta").label) == ("F-beta (0.5)", "F-beta (2)", "F-beta (2)")
    assert name_problem("lift@0.05", BINARY) is None
    numbered = tmp_path / package / "numbered.py"
    numbered.write_text(
        "from trainer.metrics.contract import SINGLE_LABEL, Number, metric\n"
        '@metric(greater_is_better=True, tasks=SINGLE_LABEL, label="n {:g}", number=Number("n", 1, above=0, most=9))\n'
        "def numbered(target, proba, weights=None, *, n):\n    return n\n"
    )
    assert load_metric(f"{package}.numbered@2.5", [package]).compute(np.array([0, 1]), np.eye(2), None) == 2.5
    with pytest.raises(ConfigError, match="12 is not a number above 0, at most 9"):
        load_metric(f"{package}.numbered@12", [package])


def test_a_file_without_a_metric_of_its_name_is_none():
    assert "bootstrap" not in house_metrics()
    with pytest.raises(ConfigError, match=r"unknown metric '\.\./x'|no such|name it"):
        metric_named("../x")
