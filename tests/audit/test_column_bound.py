"""The bounds on what one column tells, against the trees of scikit-learn that they spare."""

import numpy as np
import pytest
from sklearn.metrics import recall_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from trainer.audit.checks import features
from trainer.audit.column_bound import r2_bound, recall_bound

N, HALF = 400, 200


def columns(y, r) -> dict:
    """Columns of all kinds: more or less of the label, few and many values, holes, and values a tree takes for one."""
    noise = r.normal(size=N)
    return {
        "noise": noise,
        "half known": noise + 2 * y,
        "known": noise / 20 + y,
        "rounded": np.round(noise + 2 * y),
        "switch": np.where(r.random(N) < 0.05, 1 - y, y),
        "missing tells": np.where(y == 1, np.nan, noise),
        "holes": np.where(r.random(N) < 0.3, np.nan, noise + 2 * y),
        "waves": np.sin(3 * y) + noise / 9,
        "all but equal": y * 3e-7 + r.integers(0, 2, N) * 6e-8,
        "narrow steps": np.round(noise + y, 2) + r.integers(0, 3, N) * 9e-8,
        "narrow noise": r.normal(size=N) / 5e3,
        "groups": (y * 31 + r.integers(0, 5, N) * 11) % 37,
    }


def share(held) -> np.ndarray:
    """What each held-out row adds to the mean recall."""
    counts = np.bincount(held)
    return 1 / np.maximum(counts, 1) / (counts > 0).sum()


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_no_tree_is_better_than_the_bound(seed: int, n_classes: int) -> None:
    r = np.random.default_rng(seed)
    y = r.choice(n_classes, N, p=np.arange(1, n_classes + 1) / sum(range(n_classes + 1)))
    for name, cells in columns(y, r).items():
        x = cells.astype(np.float32)
        bound = recall_bound(x[:HALF], x[HALF:], y[:HALF, None], y[HALF:, None], share(y[HALF:])[None])
        tree = DecisionTreeClassifier(max_leaf_nodes=64, random_state=0).fit(x[:HALF, None], y[:HALF])
        score = recall_score(y[HALF:], tree.predict(x[HALF:, None]), average="macro")
        assert score - 1e-9 <= bound[0] <= 1 + 1e-9, name
        if name in ("noise", "narrow noise"):
            assert bound[0] < features.WARNING  # so that a tree is spared


def test_the_bound_by_hand() -> None:
    train, held = np.array([0, 1, 2, 8, 9], np.float32), np.array([0.5, 1.5, 8.5, 8.7, 5, 5, np.nan], np.float32)
    y, truth = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 1, 0, 1, 0, 0])
    # sets: {0.5, 1.5} in the run 0..2, {8.5, 8.7} in the run 8..9, {5, 5} between them, {missing}
    bound = recall_bound(train, held, y[:, None], truth[:, None], np.array([[1 / 4, 1 / 3]]) / 2)
    np.testing.assert_allclose(bound, (1 / 3 + 1 / 3 + 1 / 3 + 1 / 4) / 2)


def test_several_targets_are_each_their_own() -> None:
    r = np.random.default_rng(0)
    y, x = r.integers(0, 2, (N, 4)), r.integers(0, 9, N).astype(np.float32)
    shares = np.stack([share(held) for held in y[HALF:].T])
    together = recall_bound(x[:HALF], x[HALF:], y[:HALF], y[HALF:], shares)
    alone = [
        recall_bound(x[:HALF], x[HALF:], y[:HALF, [place]], y[HALF:, [place]], shares[[place]])[0]
        for place in range(4)
    ]  # fmt: skip
    np.testing.assert_allclose(together, alone)


def test_r2_of_no_tree_is_better_than_the_bound() -> None:
    r = np.random.default_rng(0)
    z = r.normal(size=N)
    for cells in (np.round(z), (z > 0) * 1.0, r.integers(0, 2, N) * 1.0, np.where(z > 1, np.nan, np.round(z, 1)), z):
        x = cells.astype(np.float32)
        tree = DecisionTreeRegressor(max_leaf_nodes=64, random_state=0).fit(x[:HALF, None], z[:HALF])
        bound = r2_bound(x[HALF:], z[HALF:])
        assert tree.score(x[HALF:, None], z[HALF:]) - 1e-9 <= bound <= 1 + 1e-9
    assert r2_bound(np.array([0, 0, 1], np.float32), np.array([0.0, 2.0, 4.0])) == pytest.approx(1 - 2 / 8)


def test_wide_tables_of_many_labels_need_few_trees(monkeypatch) -> None:
    """With 0/1 columns and labels nothing but the two columns that are a label gets a tree."""
    r, fitted = np.random.default_rng(0), []
    y = (r.random((500, 12)) < 0.1).astype(np.int64)
    x = (r.random((500, 80)) < 0.05) * 1.0
    x[:, 3], x[:, 7] = y[:, 0], 1 - y[:, 5]
    fit = DecisionTreeClassifier.fit
    monkeypatch.setattr(DecisionTreeClassifier, "fit", lambda self, *data: fitted.append(1) or fit(self, *data))
    table = features.TableColumns(x, np.empty((500, 0), dtype=object), tuple(map(str, range(80))))
    told = [(name, label) for name, label, _ in features._telling(table, y, tuple("abcdefghijkl"))]
    assert told == [("3", "a"), ("7", "f")]
    assert len(fitted) == 2
