"""The three figures of a search: against plain implementations, and against nested cross validation of the house."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from trainer.config.compose import compose_run
from trainer.run.validate import check_config
from trainer.search.sweep import run
from trainer.store.fold_files import load_fold

pytest.importorskip("optuna")

SMALL = ("data=wine", "model.hidden=[4]", "max_epochs=1", "cv.n_splits=3", "audit=off", "runtime.progress=off")
QUIET = (*SMALL, "runtime.threads=1", "baseline=off", "profile=off", "tracker=none", "preflight=off")
RATES = (1e-4, 0.03, 0.1)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A grid of three learning rates, with a nested search."""
    place = tmp_path_factory.mktemp("honest")
    options = ["search=grid", "search.prune=off", "search.nested=2", "search.final=none", "run=s"]
    command = [*QUIET, f"paths.runs={place}", f"search.space={{optimizer.lr: {list(RATES)}}}", *options]
    run(*compose_run(command, check_config))
    return place


def figures(place):
    return json.loads((place / "s/figures.json").read_text())


def hits(place):
    """Whether each trial was right, by row."""
    found = []
    for number in range(len(RATES)):
        right = np.zeros(178, dtype=bool)
        for fold in range(3):
            rows = pq.read_table(place / f"s/trials/{number:04d}/rows.parquet")["target_0"].to_numpy()
            saved = load_fold(place / f"s/trials/{number:04d}/fold_{fold}").result
            right[saved.rows] = saved.proba.argmax(axis=1) == rows[saved.rows]
        found.append(right)
    return np.array(found)


def test_the_corrected_figure_is_algorithm_4_on_what_the_trials_predicted(place):
    hit_KN = hits(place)
    units_NB = np.random.default_rng(0).integers(178, size=(178, 1000))  # as the bootstrap draws, from the same seed
    scores = []
    for units in units_NB.T:
        rest = np.setdiff1d(np.arange(178), units)
        picked = max(range(len(hit_KN)), key=lambda k: hit_KN[k, units].mean())
        scores.append(hit_KN[picked, rest].mean())
    found = figures(place)
    assert found["corrected"]["value"] == pytest.approx(np.mean(scores), abs=1e-9)
    assert found["corrected"]["ci95"] == pytest.approx(np.percentile(scores, [2.5, 97.5]), abs=1e-9)
    assert found["naive"]["oof"] == pytest.approx(hit_KN[found["naive"]["trial"]].mean())


def test_a_nested_search_over_a_grid_is_nested_cross_validation(place):
    grid = f"cv.inner.grid={{optimizer.lr: {list(RATES)}}}"
    command = [*QUIET, f"paths.runs={place}", "run=n", "cv.inner.n_splits=2", grid]
    config, launch = compose_run(command, check_config)
    for fold in range(3):
        config.cv.fold = fold
        run(config, launch)
    means = []
    for fold in range(3):
        ours = load_fold(place / f"s/nested-50-2/fold_{fold}").result
        theirs = load_fold(place / f"n/fold_{fold}").result
        assert np.array_equal(ours.rows, theirs.rows)
        assert np.array_equal(ours.proba, theirs.proba)
        means.append(theirs.metrics["accuracy"])
    assert figures(place)["nested"]["mean"] == pytest.approx(np.mean(means))
