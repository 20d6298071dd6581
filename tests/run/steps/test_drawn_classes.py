import json
from pathlib import Path

import numpy as np
import pytest

from tests.inference.run_cases import regression_options, trained_in, write_rows
from trainer.config.compose import compose_run
from trainer.data.samples import Samples
from trainer.errors import ConfigError
from trainer.inference.held_out import read_held_out
from trainer.inference.predictor import open_predictor
from trainer.run.prepare import prepare
from trainer.run.validate import check_config
from trainer.store.own_files import DONE

OPTIONS = ("profile=off", "tracker=none", "audit=off", "baseline=off", "preflight=false", "runtime.progress=off")


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder, random = tmp_path_factory.mktemp("rare"), np.random.default_rng(0)
    rare = random.random(300) < 0.1
    rows = [[f"{random.normal(1.5 * one):.4f}", f"{random.normal():.4f}", "yes" if one else "no"] for one in rare]
    path = write_rows(folder / "rare.csv", [["x", "z", "label"], *rows])
    where = (f"data.path={path}", "data=csv_tabular", "model.hidden=[8]", "cv.n_splits=2", "max_epochs=8")
    return [*where, "optimizer.lr=0.02", *OPTIONS]


def mean_of_rare(run: Path) -> float:
    return float(read_held_out(run).proba_RNC[..., 1].mean())


def test_balanced_rows_raise_the_probabilities_of_a_rare_class_and_the_prior_puts_them_back(
    options: list[str], tmp_path: Path
) -> None:
    plain = trained_in(tmp_path, *options, "run=plain")
    drawn = trained_in(tmp_path, *options, "sampler=balanced", "run=drawn")
    right = trained_in(tmp_path, *options, "sampler=balanced", "sampler.correct_prior=true", "run=right")
    share = float(read_held_out(plain).target.mean())
    assert mean_of_rare(drawn) > 2.5 * share
    assert abs(mean_of_rare(right) - share) < 0.4 * share
    (warning,) = json.loads((drawn / "manifest.json").read_text())["warnings"]
    assert warning.startswith("sampler=balanced draws no 89.3% -> 50.0%, yes 10.7% -> 50.0%: probabilities are")
    keys = json.loads((plain / "manifest.json").read_text())["identity"]["config"]
    assert not [key for key in keys if key.startswith("sampler")]


def test_a_run_that_goes_on_and_the_predictor_have_the_same_bits(options: list[str], tmp_path: Path) -> None:
    sampled = [*options, "sampler=weighted", "sampler.correct_prior=true", "max_epochs=2"]
    whole = trained_in(tmp_path, *sampled, "run=whole")
    trained_in(tmp_path, *sampled, "cv.fold=1", "run=parts")
    parts = trained_in(tmp_path, *sampled, "run=parts")
    assert (whole / "oof.parquet").read_bytes() == (parts / "oof.parquet").read_bytes()
    config, _ = compose_run([*sampled, f"paths.runs={tmp_path}/runs"], check_config)
    samples: Samples = prepare(config).samples
    held_out = read_held_out(whole)
    predictor = open_predictor(whole, folds=[0])
    rows = held_out.plan.rows(0, 0)[1]
    found = predictor.predict(samples.inputs, [rows])[0].proba
    np.testing.assert_allclose(found, held_out.proba_RNC[0][rows], atol=1e-7)
    assert (whole / "fold_0" / DONE).is_file()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            "loss.class_weights=balanced",
            "sampler=balanced and loss.class_weights=balanced both make up",
        ),
        ("sampler=none", "sampler.correct_prior has no effect"),
    ],
)
def test_options_that_contradict_are_named(wrong: str, message: str) -> None:
    config, _ = compose_run(["sampler=balanced", "sampler.correct_prior=true", wrong], check_config)
    with pytest.raises(ConfigError, match=message):
        check_config(config)


def test_numbers_have_no_classes_to_draw_by(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sampler=balanced draws rows by their class, and a regression task has none"):
        trained_in(tmp_path, *regression_options(tmp_path), "sampler=balanced")
