"""Whole runs with parts of the model frozen, learning at rates of their own, or trained on mixed rows."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

QUICK = (
    "data=digits",
    "cv.n_splits=2",
    "max_epochs=2",
    "profile=off",
    "tracker=none",
    "audit=off",
    "run=a",
    "baseline=off",
    "cv.parallel=1",
)


def done(tmp_path, fold=0):
    return json.loads((tmp_path / f"runs/a/fold_{fold}/DONE").read_text())


@pytest.mark.parametrize(
    "options",
    [
        ("fit.head_lr=1e-2", "fit.decay_norms=false", "fit.warmup_ratio=0.2", "scheduler=onecycle", "amp=O2"),
        ("fit.freeze_epochs=1", "fit.mixup_alpha=0.4", "amp=O1", "fit.ema_decay=0.5"),
        ("fit.freeze_epochs=all", "fit.head_lr=1e-2", "optimizer=sgd", "scheduler=cosine"),
        ("cv.inner.n_splits=2", "cv.inner.grid={fit.freeze_epochs:[0,all],fit.mixup_alpha:[0,0.5]}", "max_epochs=1"),
    ],
    ids=lambda options: options[0],
)
def test_a_run_ends_and_the_preflight_finds_nothing(train, tmp_path, options):
    outcome = train("data=wine", *QUICK[1:], "batch_size=16", *options)
    assert outcome.code == 0, outcome.err
    assert "warning" not in outcome.out
    assert len(done(tmp_path)["epochs"]) == (1 if "max_epochs=1" in options else 2)


def test_warm_up_by_share_is_warm_up_by_steps(train, tmp_path):
    """57 steps of two epochs of 29: a tenth is 6."""
    records = []
    for run, option in (("a", "fit.warmup_ratio=0.1"), ("b", "fit.warmup_steps=6")):
        assert train(*QUICK[:-1], f"run={run}", "scheduler=linear", "batch_size=32", option).code == 0
        text = (tmp_path / f"runs/{run}/fold_0/DONE").read_text()
        records.append([(epoch["lr"], epoch["train_loss"]) for epoch in json.loads(text)["epochs"]])
    assert records[0] == records[1]


def test_a_run_with_a_share_of_warm_up_is_not_gone_on_with_for_more_epochs(train):
    options = (*QUICK, "batch_size=128", "fit.warmup_ratio=0.1")
    assert train(*options).code == 0
    outcome = train(*[option.replace("max_epochs=2", "max_epochs=3") for option in options])
    assert outcome.code == 4
    assert "max_epochs: 2 there, 3 here" in outcome.err


def test_tokens_cannot_be_mixed_and_the_message_says_so(train, tmp_path):
    table = tmp_path / "texts.csv"
    lines = [f"{word} text number {n},{label}" for n in range(12) for word, label in (("good", "yes"), ("bad", "no"))]
    table.write_text("\n".join(["text,label", *lines]) + "\n")
    data = ("data=csv_text", f"data.path={table}", "data.text=text", "data.label=label", "model=text_cnn")
    outcome = train(*QUICK[1:], *data, "fit.mixup_alpha=0.2")
    assert outcome.code == 2
    assert "fit.mixup_alpha mixes numbers, and the input 'tokens' holds codes" in outcome.err


@pytest.mark.parametrize(("named", "chosen"), [("all", 0), (0, "all")])
def test_a_candidate_frozen_otherwise_than_the_run_is_trained_as_it_says(train, tmp_path, named, chosen):
    random = np.random.default_rng(0)
    for number in range(24):
        file = tmp_path / "images" / "ab"[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(file)
    images = ("data=image_folder", f"data.path={tmp_path}/images", "model=image_cnn", "model.widths=[4,6]")
    asked = (*QUICK[1:-1], *images, "cv.fold=0")
    assert train(*asked, f"fit.freeze_epochs={chosen}", "run=plain").code == 0
    grid = ("cv.inner.n_splits=2", f"cv.inner.grid={{fit.freeze_epochs:[{chosen}]}}")
    assert train(*asked, f"fit.freeze_epochs={named}", *grid, "run=nested").code == 0
    plain, nested = (load_file(tmp_path / f"runs/{run}/fold_0/model.safetensors") for run in ("plain", "nested"))
    assert plain.keys() == nested.keys()
    assert all(torch.equal(plain[name], nested[name]) for name in plain)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("fit.head_lr=1e-5", "scheduler=cosine", "scheduler.eta_min=1e-4"), "scheduler.eta_min=0.0001 is above"),
        (("fit.decay_norms=false", "optimizer._target_=torch.optim.Rprop"), "torch.optim.Rprop has no weight_decay"),
        (("fit.warmup_steps=500",), "fit.warmup_steps=500 leaves no step of the fold's 58"),
        (
            ("cv.inner.n_splits=2", "cv.inner.grid={fit.warmup_steps:[1,500]}"),
            "with fit.warmup_steps=500: fit.warmup_steps=500 leaves no step",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_rates_that_cannot_be_are_refused_before_the_run_is_begun(train, tmp_path, options, message):
    outcome = train(*QUICK, *options)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (tmp_path / "runs/a").exists()
