"""Ways of training ranked over data sets, from runs whose predictions the test chose."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import friedmanchisquare

from tests.inference.blend_cases import make_plan, noisy_logits, write_predictions
from trainer.cli.main import main
from trainer.errors import ConfigError, DataError
from trainer.inference.compare_data_sets import compare_over_data_sets
from trainer.tasks import BINARY

N = 60
TARGET = np.arange(N) % 2
STRENGTH = {"ce": 0.2, "focal": 1.0, "bce": 5.0}  # of the signal that a way of training finds


def run(folder: Path, way: str, data: int) -> Path:
    """A run of a way of training on a data set; data sets differ in their folds here."""
    logits = noisy_logits(TARGET, 2, STRENGTH[way], 10 * data + len(way))
    plan = replace(make_plan(N, 2, seed=data), fingerprint=f"{data:064d}")
    return write_predictions(
        folder / f"{way}{data}",
        logits,
        TARGET,
        task=BINARY,
        plan=plan,
        metrics=("accuracy",),
        config={"loss._target_": f"trainer.losses.{way}.{way.title()}", "data.seed": data},
    )


@pytest.fixture(scope="module")
def grid(tmp_path_factory) -> list[Path]:
    """Six data sets, three ways each."""
    folder = tmp_path_factory.mktemp("grid")
    return [run(folder, way, data) for data in range(6) for way in STRENGTH]


def of(grid, *ways, data=range(6)):
    return [path for path in grid if path.name[:-1] in ways and int(path.name[-1]) in data]


def test_three_ways_are_ranked_by_friedman_and_told_apart_by_nemenyi(grid):
    found = compare_over_data_sets(grid)
    assert found.ways == ("loss=Ce", "loss=Focal", "loss=Bce")
    assert found.data_sets == tuple(f"ce{data}" for data in range(6))
    assert found.friedman.chi2 == pytest.approx(friedmanchisquare(*found.score_DW.T).statistic)
    assert found.answer.startswith("loss=Bce ranks best over 6 data sets (mean rank 1.00): better than loss=Ce ")
    assert json.dumps(found.to_dict(), allow_nan=False)


def test_two_ways_are_compared_by_signed_ranks(grid):
    found = compare_over_data_sets(of(grid, "ce", "bce"))
    assert found.answer == "loss=Bce is better than loss=Ce over 6 data sets (Wilcoxon, p = 0.031)"
    few = compare_over_data_sets(of(grid, "ce", "bce", data=(0, 1, 2)))
    assert few.answer.startswith("nothing can be said over 3 data sets: 3 data sets: signed ranks of fewer than 6")


def test_a_hole_a_double_and_a_single_data_set_are_refused(grid, tmp_path):
    with pytest.raises(DataError, match=r"no run with loss=Bce on the data of .*ce3"):
        compare_over_data_sets([path for path in of(grid, "ce", "bce") if path.name != "bce3"])
    with pytest.raises(DataError, match="are of the same way of training on the same data"):
        compare_over_data_sets([*of(grid, "ce", "bce"), run(tmp_path, "ce", 0)])
    with pytest.raises(DataError, match="one data set: folds of it share"):
        compare_over_data_sets(of(grid, "ce", "bce", data=(0,)))
    with pytest.raises(ConfigError, match="differ in their data only"):
        compare_over_data_sets(of(grid, "ce"))


def test_the_command_prints_the_answer_the_table_and_json(grid, capsys):
    typed = ["compare", *map(str, grid), "--over-data-sets"]
    assert main(typed) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("loss=Bce ranks best over 6 data sets")
    assert "mean rank" in printed
    assert main([*typed, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["friedman"]["n_data_sets"] == 6
    assert main([*typed, "--unpaired"]) == 2
    assert "goes with --metric" in capsys.readouterr().err
