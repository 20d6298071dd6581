import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from tests.inference.run_cases import text_options
from trainer.cli import ablate as command
from trainer.cli.main import main
from trainer.config.schema import RunConfig
from trainer.errors import NonFiniteError
from trainer.evidence.not_defined import NotDefined
from trainer.evidence.resampled_t import FoldSpread
from trainer.inference.ablation import ADD, LEAVE_ONE_OUT, Effect, effect_rows, effects
from trainer.store.result_files import read_cv_json

QUICK = ("cv.n_splits=3", "runtime.progress=off", "max_epochs=1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ablation")


def options_of(folder: Path) -> list[str]:
    options = [option for option in text_options(folder) if option != "run=a"]
    return [*options, *QUICK, f"paths.runs={folder}/runs", "metrics.names=[log_loss]"]


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    with pytest.MonkeyPatch.context() as patch, pytest.MonkeyPatch.context() as wide:
        patch.setattr("trainer.report.markdown.draw_pictures", lambda *_, **__: {})
        wide.setenv("COLUMNS", "200")
        shown = []
        patch.setattr(command, "_show", lambda *given: shown.append(given))
        assert main(["ablate", "--tricks", "fgm,awp", "--name", "x", *options_of(folder)]) == 0
    return str(shown[0])


def test_each_trick_is_trained_alone_against_none(folder: Path, printed: str) -> None:
    runs = {
        name: json.loads((folder / "runs" / name / "manifest.json").read_text())
        for name in ("x-none", "x-fgm", "x-awp")
    }
    tricks = {name: [one for one in facts["command"] if one.startswith("tricks=")] for name, facts in runs.items()}
    assert tricks == {"x-none": ["tricks=none"], "x-fgm": ["tricks=[fgm]"], "x-awp": ["tricks=[awp]"]}
    assert len({facts["fingerprint"] for facts in runs.values()}) == 1


@pytest.mark.parametrize("mode", [ADD, LEAVE_ONE_OUT])
def test_gain_and_p_are_those_of_the_corrected_t_test_with_holm(folder: Path, printed: str, mode: str) -> None:
    runs = {name: folder / "runs" / f"x-{name}" for name in ("none", "fgm", "awp")}
    found = effects(runs["none"], {"fgm": runs["fgm"], "awp": runs["awp"]}, {}, mode)
    folds = {name: np.array(read_cv_json(run / "cv.json").metrics["log_loss"].folds) for name, run in runs.items()}
    sign, raw = (1 if mode == ADD else -1), []
    for effect in found:
        gain_J = sign * (folds["none"] - folds[effect.trick])  # less log loss is better
        n_held_out = 1 / 2  # of 3 folds, per row trained on
        se = gain_J.std(ddof=1) * math.sqrt(1 / 3 + n_held_out)
        assert isinstance(effect.gain, FoldSpread)
        assert effect.gain.mean == pytest.approx(gain_J.mean(), abs=1e-9)
        half = t.ppf(0.975, 2) * se
        assert effect.gain.ci95 == pytest.approx((gain_J.mean() - half, gain_J.mean() + half), rel=0.05)
        raw.append(effect.gain.p)
    low, high = np.argsort(raw)
    assert found[low].p == pytest.approx(min(1, 2 * raw[low]))
    assert found[high].p == pytest.approx(max(found[low].p, raw[high]))


def test_runs_that_are_there_are_not_trained_again(folder: Path, printed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_show", lambda *_: None)
    before = [(path, path.stat().st_mtime_ns) for path in sorted((folder / "runs").glob("x-*/fold_*/DONE"))]
    monkeypatch.setattr("trainer.run.fold_job.fold_steps", lambda *_, **__: pytest.fail("trained again"))
    assert main(["ablate", "--tricks", "fgm,awp", "--name", "x", *options_of(folder)]) == 0
    assert before == [(path, path.stat().st_mtime_ns) for path, _ in before]


def test_leave_one_out_trains_all_against_all_but_one(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = []
    monkeypatch.setattr(command, "_train", lambda config, _: trained.append(list(config.tricks)))
    monkeypatch.setattr(command, "_show", lambda *_: None)
    assert main(["ablate", "--tricks", "awp,rdrop,swa", "--mode", "leave-one-out"]) == 0
    assert trained == [["awp", "rdrop", "swa"], ["rdrop", "swa"], ["awp", "swa"], ["awp", "rdrop"]]


def test_a_trick_whose_run_diverges_is_dropped_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(config: RunConfig, _: object) -> None:
        if list(config.tricks) == ["sam"]:
            raise NonFiniteError("the training loss is nan")

    shown = []
    monkeypatch.setattr(command, "_train", train)
    monkeypatch.setattr(command, "_show", lambda *given: shown.append(given))
    assert main(["ablate", "--tricks", "sam,swa"]) == 0
    runs, failed = shown[0][2]
    assert [run.name for run in runs] == ["ablate-none", "ablate-sam", "ablate-swa"]
    assert failed == {"sam": "its run diverged"}
    found = effects(runs[0], {"sam": runs[1]}, failed, ADD)
    assert effect_rows(found) == [("sam", "-", "-", "-", "-", "-", "drop: its run diverged")]


@pytest.mark.parametrize(
    ("gain", "p", "verdict"),
    [
        (FoldSpread(0.02, 0.01, 4, 0.01, (0.01, 0.03)), 0.04, "keep"),
        (FoldSpread(0.02, 0.01, 4, 0.03, (0.00, 0.04)), 0.06, "drop: no gain is shown"),
        (FoldSpread(-0.02, 0.01, 4, 0.01, (-0.03, -0.01)), 0.04, "drop: worse with it"),
        (NotDefined("one fold"), math.nan, "drop: one fold"),
    ],
)
def test_the_rule_of_what_is_kept(gain: FoldSpread | NotDefined, p: float, verdict: str) -> None:
    effect = Effect("fgm", Path("x"), gain, p, 2.0, math.nan)
    assert effect.verdict == verdict
    assert effect_rows([effect])[0][4:] == ("2.00", "-", verdict)
    kept = "keep fgm: tricks=[fgm]" if verdict == "keep" else "keep none"
    assert command.answer([effect, replace(effect, p=1.0, trick="b")]).startswith(kept)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["--tricks", ","], "name at least one"),
        (["--tricks", "fgm", "run=a1"], "run=a1: the runs of an ablation"),
        (["--tricks", "fgm", "--mode", "all"], "must be add or leave-one-out"),
        (["--tricks", "fgm", "--mode", "leave-one-out"], "needs two tricks"),
        (["--tricks", "awp,fgn"], "tricks=fgn: no such tricks: did you mean 'fgm'?"),
    ],
)
def test_what_cannot_be_is_refused(typed: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ablate", *typed]) == 2
    assert message in capsys.readouterr().err
