"""Whole runs with tricks: what they say, keep and refuse."""

import json

import pytest

from tests.conftest import QUICK

TEXTS = ("data=csv_text", "data.path=texts.csv", "model=text_cnn", "model.embedding_dim=4", "model.filters=2")


@pytest.fixture
def texts(tmp_path):
    rows = [f"{'good film' if number % 2 else 'bad plot'} {number},{number % 2}" for number in range(24)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *rows]) + "\n")


def test_a_run_says_how_far_weights_move_and_keeps_it(train, tmp_path, texts):
    options = ("cv.n_splits=2", "run=a", "tricks=[fgm,rdrop]", "tricks.fgm.epsilon=0.5", "cv.stack=2")
    outcome = train(*TEXTS, *QUICK, *options)
    assert outcome.code == 0, outcome.err
    assert "tricks=fgm: moves " in outcome.out
    assert " weights in 1 tensor by 0.5, " in outcome.out
    assert "tricks=fgm,rdrop: a step takes " in outcome.out
    assert "cv.stack=2 has no effect: " in outcome.out
    about = json.loads((tmp_path / "runs/a/manifest.json").read_text())["about"]
    assert about["tricks"].startswith("tricks=fgm: moves ")
    assert "tricks=fgm: moves " in (tmp_path / "runs/a/report.md").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["tricks=fgm"], "tricks=fgm moves the input embeddings, and MLP has none for these inputs"),
        (["tricks=[fgm,sma]"], "tricks=sma: no such tricks"),
        (["tricks=[awp,sam]"], "tricks=[awp,sam]: both take the place of"),
        (["tricks=fgm", "tricks.fgm.eps=1"], "tricks.fgm.eps: trainer.tricks.fgm.FGM takes no such argument"),
        (["tricks=fgm", "tricks.fgm.epsilon=-1"], "tricks.fgm.epsilon=-1"),
        (["+tricks.mine._target_=trainer.tricks.contract.Setting"], "tricks.mine"),
        (["+tricks.mine=3"], "tricks.mine=3: a trick is a section"),
        (["tricks=sam", "amp.backend=apex"], "tricks=[sam] need amp.backend=native"),
        (["tricks=sam", "executor=torchrun", "executor.nproc=2"], "tricks=[sam] take the steps of one process"),
        (["tricks=[swa,ema]", "max_epochs=8"], "fit.ema_decay=0.999 and a trick both average the weights"),
        (["tricks=swa"], "tricks=swa averages the weights of every"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_fold(train, tmp_path, options, said):
    outcome = train("data=iris", "model.hidden=[8]", *QUICK, "preflight=off", *options)
    assert outcome.code == 2, outcome.out
    assert said in outcome.err
    assert len(outcome.err.strip().splitlines()) <= 5
    assert not list(tmp_path.glob("runs/*/fold_*"))
