"""A run on scikit-learn's diabetes data beside Ridge on the same folds: ``python -m benchmarks.regression RUN``."""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainer.folds.plan import read_plan
from trainer.store.result_files import read_oof


def main(run: Path) -> None:
    """Print RMSE, MAE and R² of both, out of fold."""
    plan, oof = read_plan(run / "folds.json"), read_oof(run / "oof.parquet")
    inputs, target = load_diabetes(return_X_y=True)
    assert np.array_equal(oof.target, target), "not a run on data=diabetes with cv.repeats=1"
    ridge = np.empty(len(target))
    for fold in range(plan.n_splits):
        train, held_out = plan.rows(0, fold)
        model = make_pipeline(StandardScaler(), Ridge()).fit(inputs[train], target[train])
        ridge[held_out] = model.predict(inputs[held_out])
    for name, predicted in ((run.name, oof.proba[:, 0]), ("Ridge", ridge)):
        figures = (measure(target, predicted) for measure in (root_mean_squared_error, mean_absolute_error, r2_score))
        print(name, *(f"{figure:.3f}" for figure in figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
