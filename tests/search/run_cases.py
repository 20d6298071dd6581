"""Run directories with no more in them than a list of runs reads."""

from dataclasses import replace
from pathlib import Path

from tests.fake_results import make_result
from trainer.store.result_files import write_cv_json
from trainer.system.files import sealed

CONFIG = {
    "seed": 1,
    "loss._target_": "trainer.losses.ce.CrossEntropy",
    "loss.label_smoothing": 0.0,
    "optimizer._target_": "torch.optim.AdamW",
    "optimizer.lr": 0.001,
    "cv.n_splits": 3,
    "amp.opt_level": "O0",
}
FOCAL = {"loss._target_": "trainer.losses.focal.FocalLoss", "loss.gamma": 2.0, "loss.label_smoothing": None}
RESULT = make_result()[0]


def begun_run(run: Path, *, data="d" * 64, folds="f" * 64, max_epochs=3, **config) -> Path:
    """Write a run of 3 folds that has not begun; a setting that is None is left out."""
    settings = {key: value for key, value in {**CONFIG, **config}.items() if value is not None}
    identity = {
        "config": settings,
        "content": {"data (sha256)": data, "folds (fingerprint)": folds},
        "software": {},
        "length": {"max_epochs": max_epochs},
    }
    run.mkdir(parents=True)
    (run / "manifest.json").write_bytes(sealed({"identity": identity, "about": {"data": "flowers, 90 rows"}}))
    (run / "folds.json").write_text('{"n_splits": 3, "repeats": 1}')
    return run


def finished_run(run: Path, oof: float, *, primary="accuracy", folds="f" * 64, seconds=2.0, **options) -> Path:
    """Write a run whose metric is ``oof``."""
    begun_run(run, folds=folds, **options)
    figures = replace(RESULT.metrics["accuracy"], oof=oof, mean=oof, ci95=(oof - 0.1, oof + 0.1))
    metrics = {primary: figures, "log_loss": RESULT.metrics["log_loss"]}
    result = replace(RESULT, primary=primary, fingerprint=folds, metrics=metrics, seconds=seconds)
    write_cv_json(run / "cv.json", result)
    return run


def done_fold(run: Path, fold: int, *, max_epochs=3, epochs=3) -> None:
    (run / f"fold_{fold}").mkdir()
    facts = {"identity": {"length": {"max_epochs": max_epochs}}, "epochs": [{}] * epochs, "seconds": 1.5}
    (run / f"fold_{fold}" / "DONE").write_bytes(sealed(facts))
