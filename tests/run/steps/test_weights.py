"""Runs that start from given weights, and what is kept of each fold's."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

QUICK = ("max_epochs=1", "profile.enabled=false", "tracker.name=none", "cv.n_splits=3", "baseline=off", "cv.parallel=1")
FOLD_0 = (*QUICK, "cv.fold=0")


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("first") / "a"


@pytest.fixture
def first(train, tmp_path, kept) -> Path:
    """The directory of a run on digits with its first fold done: a copy of the one that is trained."""
    run = tmp_path / "runs" / "a"
    if kept.exists():
        return shutil.copytree(kept, run)
    assert train("run=a", *FOLD_0).code == 0
    shutil.copytree(run, kept)
    return run


def manifest(run: Path) -> dict:
    return json.loads((run / "manifest.json").read_text())


def first_loss(run: Path, fold: int) -> float:
    line = (run / f"fold_{fold}" / "metrics.jsonl").read_text().splitlines()[0]
    return float(json.loads(line)["train_loss"])


def test_a_run_from_a_previous_folds_weights_starts_at_a_lower_loss(train, first):
    outcome = train("run=b", "init.path=runs/a/fold_0/model.safetensors", *QUICK)
    assert outcome.code == 0, outcome.err
    assert all(first_loss(first.parent / "b", fold) < 0.5 * first_loss(first, 0) for fold in range(3))
    assert re.search(r"parameters loaded +85,002 of 85,002", outcome.out)
    assert re.search(r"of the backbone +100.0%", outcome.out)
    assert outcome.out.count("parameters loaded") == 1
    kept = manifest(first.parent / "b")
    assert kept["weights"]["body_share"] == 1.0
    assert kept["weights"]["tensors_loaded"] == 6
    assert "model.safetensors" in kept["about"]["starts from"]
    assert "100.0% of the backbone's parameters" in (first.parent / "b" / "report.md").read_text()
    assert manifest(first)["weights"] is None


def test_every_fold_starts_from_the_file(train, first):
    """With a step too small to be seen, each fold ends where the file is."""
    arguments = ("init.path=runs/a/fold_0/model.safetensors", "optimizer.lr=1e-30", "optimizer.weight_decay=0", *QUICK)
    assert train("run=c", *arguments).code == 0
    start = load_file(first / "fold_0" / "model.safetensors")
    for fold in range(3):
        end = load_file(first.parent / "c" / f"fold_{fold}" / "model.safetensors")
        assert all(torch.equal(start[name], end[name]) for name in start)


def test_weights_that_saw_the_held_out_rows_are_warned_about(train, first, tmp_path):
    outcome = train("init.path=runs/a/fold_0/model.safetensors", "run=d", "cv.random_state=7", *FOLD_0)
    said = "warning: these weights were trained in a on rows that are held out here"
    assert said in outcome.out
    assert said in manifest(first.parent / "d")["about"]["starts from"]
    (tmp_path / "elsewhere.safetensors").write_bytes((first / "fold_0" / "model.safetensors").read_bytes())
    assert "warning: these" not in train("init.path=elsewhere.safetensors", "run=e", *FOLD_0).out


def test_a_wrong_prefix_and_thop_counters_are_reported(train, first, tmp_path):
    state = load_file(first / "fold_0" / "model.safetensors")
    polluted = {f"module.encoder.{name}": tensor for name, tensor in state.items()}
    polluted["module.encoder.total_ops"] = torch.zeros(1, dtype=torch.float64)
    torch.save(
        {"model": polluted, "amp": {"loss_scaler0": {"loss_scale": 65536.0, "unskipped": 1}}}, tmp_path / "w.pth"
    )
    outcome = train("init.path=w.pth", "run=f", *FOLD_0)
    assert outcome.code == 0, outcome.err
    for line in (
        r"file +zip, sha256 [0-9a-f]{12}, under 'model'",
        r"wrappers removed +module\.",
        r"prefix stripped +'encoder\.'",
        r"dropped +1 counters that thop left",
        r"note: apex amp state: loss scale 65536",
    ):
        assert re.search(line, outcome.out), line


def test_weights_that_match_nothing_stop_before_anything_is_written(train, tmp_path):
    save_file({"layer1.0.conv1.weight": torch.zeros(4, 4)}, tmp_path / "other.safetensors")
    outcome = train("init.path=other.safetensors", *QUICK)
    assert outcome.code == 4
    assert "only 0.0% of the model's backbone fits (0 of 85,002 parameters; init.min_match=0.9)" in outcome.err
    assert "only in the model: body.0.weight" in outcome.err
    assert "only in the file: layer1.0.conv1.weight" in outcome.err
    assert len(outcome.err.strip().splitlines()) <= 5
    assert not (tmp_path / "runs").exists()


def test_a_file_of_another_kind_stops(train, tmp_path):
    (tmp_path / "w.pth").write_text("<html>404</html>")
    outcome = train("init.path=w.pth", *QUICK)
    assert outcome.code == 4
    assert "a web page" in outcome.err


def test_other_classes_get_a_new_head(train, first):
    """Ten digits' weights for three wines: other inputs too, so the first layer does not fit either."""
    outcome = train("data=wine", "init.path=runs/a/fold_0/model.safetensors", "run=g", *FOLD_0)
    assert outcome.code == 0, outcome.err
    assert re.search(
        r"new head +head\.bias \(10,\) there, \(3,\) here\s+head\.weight \(10, 256\) there, \(3, 256\) here",
        outcome.out,
    )
    assert re.search(r"other shape +body\.0\.weight \(256, 64\) there, \(256, 13\) here", outcome.out)
    assert "warning: 1 tensors of the backbone have another shape and stay as initialised" in outcome.out
    assert train("data=wine", "init.path=runs/a/fold_0/model.safetensors", "init.min_match=0.99", *FOLD_0).code == 4


def test_other_words_beside_the_file_are_warned_about(train, tmp_path):
    rng = np.random.default_rng(0)
    for name, words in (("one", "abcdefgh"), ("two", "stuvwxyz")):
        rows = [f"{' '.join(rng.choice(list(words), 6))},{'pos' if i % 2 else 'neg'}" for i in range(60)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["review,label", *rows]) + "\n")
    text = ("data=csv_text", "data.text=review", "data.label=label", "model=text_cnn", *FOLD_0)
    assert train(*text, "data.path=one.csv", "run=one").code == 0
    outcome = train(*text, "data.path=two.csv", "run=two", "init.path=runs/one/fold_0/model.safetensors")
    assert outcome.code == 0, outcome.err
    assert "warning: preprocess.json next to the file has other words than this fold" in outcome.out


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("init.path=runs/a/fold_0/model.safetensor", "no such file: did you mean 'model.safetensors'?"),
        ("init.path=runs/a/fold_0", "is a directory; give the file in it: did you mean 'model.safetensors'?"),
        ("init.path=nowhere/w.pth", "no such file; the directory nowhere does not exist either"),
    ],
)
def test_a_path_that_is_not_a_file_is_a_configuration_error(train, tmp_path, argument, message):
    (tmp_path / "runs" / "a" / "fold_0").mkdir(parents=True)
    for name in ("DONE", "model.safetensors", "oof.parquet"):
        (tmp_path / "runs" / "a" / "fold_0" / name).touch()
    outcome = train(argument, *QUICK)
    assert outcome.code == 2
    assert message in outcome.err


@pytest.mark.parametrize("value", ["0", "-0.5", "1.01", "nan"])
def test_min_match_out_of_range(train, value):
    outcome = train(f"init.min_match={value}")
    assert outcome.code == 2
    assert f"init.min_match={float(value)}: must be above 0 and at most 1" in outcome.err


@pytest.mark.parametrize(("form", "magic"), [("zip", b"PK\x03\x04"), ("legacy", b"\x80\x02\x8a\nl\xfc\x9cF\xf9")])
def test_fold_weights_in_the_wanted_format(train, first, form, magic):
    assert train("run=h", f"checkpoint.format={form}", *FOLD_0).code == 0
    path = first.parent / "h" / "fold_0" / "model.pth"
    assert path.read_bytes().startswith(magic)
    same = load_file(first / "fold_0" / "model.safetensors")
    state = torch.load(path, weights_only=True)
    assert state.keys() == same.keys()
    assert all(torch.equal(state[name], same[name]) for name in same)
    assert train("run=i", "init.path=runs/h/fold_0/model.pth", *FOLD_0).code == 0


def test_an_unknown_format(train):
    outcome = train("checkpoint.format=zipp")
    assert outcome.code == 2
    assert "checkpoint.format: unknown 'zipp': did you mean 'zip'?" in outcome.err
