"""``seed=[1,2]``: the bits of single runs, in one run that everything downstream takes."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import accuracy_score

from tests.conftest import QUICK
from tests.inference.blend_cases import make_plan, noisy_logits, write_predictions
from trainer.cli.main import main
from trainer.errors import DataError
from trainer.folds.each_seed import with_seeds
from trainer.inference.compare import compare
from trainer.inference.compare_page import as_text
from trainer.run.merge import merge
from trainer.store.result_files import read_cv_json
from trainer.tasks import BINARY

IRIS = ("data=iris", "cv.n_splits=2", *QUICK)
N = 80
TARGET = np.arange(N) % 2


def predictions(run: Path):
    table = pq.read_table(run / "oof.parquet")
    return table.drop_columns("repeat")


def test_each_seed_is_the_run_of_that_seed_and_folds_may_be_jobs(train, tmp_path, without_pictures):
    runs, slices = tmp_path / "runs", ("cv.select=inner", *IRIS)
    whole = train("seed=[1,5]", "run=both", *slices)
    assert whole.code == 0, whole.err
    assert "seeds 1, 5 on the same folds: accuracy out of fold" in whole.out
    assert "2 folds x 2 seeds" in whole.out
    for seed in (1, 5):
        train(f"seed={seed}", f"run=s{seed}", *slices)
    both = predictions(runs / "both")
    assert both.slice(0, 150).equals(predictions(runs / "s1"))
    assert both.slice(150).equals(predictions(runs / "s5"))
    for fold in (3, 0, 2, 1):
        train("seed=[1,5]", "run=jobs", f"cv.fold={fold}", *slices)
    assert (runs / "jobs" / "oof.parquet").read_bytes() == (runs / "both" / "oof.parquet").read_bytes()
    assert len(json.loads((runs / "both" / "split.json").read_text())["folds"]) == 2
    for command in ("verify", "report"):
        assert main([command, str(runs / "both")]) == 0
    assert train("seed=5", "run=both", *slices).code == 4


@pytest.mark.parametrize("select", ["last", "inner"])
def test_the_model_of_all_rows_is_that_of_the_first_seed(train, tmp_path, select):
    options = ("cv.fold=all", f"cv.select={select}", *IRIS)
    several = train("seed=[5,1]", "run=both", *options)
    assert (several.code, "fitted on all rows (seed 5, the first of 2)" in several.out) == (0, True), several.err
    for seed in (5, 1):
        assert "(seed" not in train(f"seed={seed}", f"run=s{seed}", *options).out
    both, first, second = (
        (tmp_path / "runs" / run / "fold_all/model.safetensors").read_bytes() for run in ("both", "s5", "s1")
    )
    assert both == first != second


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        ("[1,1]", "seed=[1,1]: must be a list of different numbers, one at least"),
        ("[]", "seed=[]: must be a list of different numbers"),
        ("null", "seed=null: must be a whole number, at least 0, or a list of such"),
        ("[1,a]", 'seed=[1,"a"]: must be a whole number'),
        ("true", "seed=true: must be a whole number"),
    ],
)
def test_what_is_no_seed_is_refused(train, seed, said):
    refused = train(f"seed={seed}", *IRIS)
    assert (refused.code, said in refused.err) == (2, True), refused.err


def written(run: Path, strength: float, seed: int, seeds=(1, 2, 3)) -> Path:
    logits = np.stack([noisy_logits(TARGET, 2, strength, seed + k) for k in range(len(seeds))])
    plan = with_seeds(make_plan(N), seeds)
    return write_predictions(run, logits, TARGET, task=BINARY, metrics=("accuracy",), plan=plan)


def test_the_spread_over_seeds_is_stored_and_said_of_a_difference(tmp_path, without_pictures):
    one, two = written(tmp_path / "one", 1.0, 10), written(tmp_path / "two", 1.1, 20)
    merge(one)
    told = read_cv_json(one / "cv.json").seeds["metrics"]["accuracy"]
    expected = [
        accuracy_score(TARGET, noisy_logits(TARGET, 2, 1.0, 10 + k).astype(np.float32).argmax(axis=1)) for k in range(3)
    ]
    assert told["oof"] == pytest.approx(expected)
    assert told["sd"] == pytest.approx(np.std(expected, ddof=1))
    found = compare([one, two])
    [pair] = found.pairs
    by_seed = [run.by_seed for run in found.runs]
    assert by_seed[0] == pytest.approx(expected)
    assert pair.seed_sd == pytest.approx(np.sqrt(np.mean([np.var(values, ddof=1) for values in by_seed])))
    assert pair.folds.df == 3  # four folds: three seeds of each are no further folds
    leads = np.subtract(*[np.reshape(run.folds, (3, 4)).mean(axis=0) for run in found.runs[::-1]])
    assert pair.folds.mean == pytest.approx(leads.mean())
    assert f"{pair.lead / pair.seed_sd:+.1f} times the standard deviation of the seed" in " ".join(
        as_text(found).split()
    )
    assert pair.within_seeds == (abs(pair.lead) <= pair.seed_sd)
    assert any("another seed changes as much" in note for note in found.notes) == pair.within_seeds


def test_other_numbers_of_seeds_are_not_compared(tmp_path):
    one, two = written(tmp_path / "one", 1.0, 10), written(tmp_path / "two", 1.0, 20, seeds=(1, 2))
    with pytest.raises(DataError, match=r"kfold, 4 folds x 1 x 2 seeds there.*as many seeds for both"):
        compare([one, two])
