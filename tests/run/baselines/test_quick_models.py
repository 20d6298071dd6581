"""Baselines of one fold against scikit-learn's own pipelines, and that nothing is learnt of held-out rows."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from trainer.audit.probes import ngram_counts
from trainer.data.samples import DataSpec, Images, Samples, TableColumns, Texts
from trainer.errors import ConfigError
from trainer.run.baselines import quick_models
from trainer.run.baselines.quick_models import predict_fold, require_fitting, rows_of
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL, REGRESSION

N = 120
RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(size=(N, 3))
NUMBERS[::7, 1] = np.nan
WORDS = RANDOM.choice(np.array(["red", "blue", "green"], dtype=object), size=(N, 1))
SIGNAL = np.nan_to_num(NUMBERS[:, 0]) + (WORDS[:, 0] == "red") + RANDOM.normal(size=N) * 0.3
TRAIN, HELD = np.arange(0, 90), np.arange(90, N)
TABLE = TableColumns(NUMBERS, WORDS, ("a", "b", "c"), ("w",))
CLASSES = np.digitize(SIGNAL, [-0.4, 0.6])
TARGETS = {
    BINARY: (SIGNAL > 0).astype(np.int64),
    MULTICLASS: CLASSES,
    MULTILABEL: np.stack([SIGNAL > 0, CLASSES == 1], axis=1).astype(np.int64),
    REGRESSION: SIGNAL,
}


def rows(inputs, target, task, weights_N=None):
    names = {BINARY: ("n", "y"), MULTICLASS: ("x", "y", "z"), MULTILABEL: ("x", "y"), REGRESSION: ()}[task]
    samples = Samples(np.arange(len(target)).astype(np.str_), inputs, target, weights_N)
    return rows_of(samples, DataSpec("case", task, names))


def frame(columns, places):
    return np.concatenate([NUMBERS, WORDS], axis=1)[places][:, columns]


def reference(name, kind):
    """What is fitted, written out with scikit-learn alone."""
    if name == "linear":
        scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        model = LogisticRegression(max_iter=500) if kind == "classes" else Ridge()
        return make_pipeline(make_column_transformer((scaled, [0, 1, 2]), (OneHotEncoder(), [3])), model)
    boosting = HistGradientBoostingClassifier if kind == "classes" else HistGradientBoostingRegressor
    model = boosting(random_state=0, categorical_features=[False, False, False, True])
    return make_pipeline(make_column_transformer(("passthrough", [0, 1, 2]), (OrdinalEncoder(), [3])), model)


@pytest.mark.parametrize("name", ["linear", "boosting"])
@pytest.mark.parametrize("task", list(TARGETS), ids=str)
def test_a_table_is_predicted_as_by_scikit_learn(name, task):
    found, seconds = predict_fold(name, rows(TABLE, TARGETS[task], task), TRAIN, HELD)
    train, held = frame([0, 1, 2, 3], TRAIN), frame([0, 1, 2, 3], HELD)
    target = TARGETS[task][TRAIN]
    if task == REGRESSION:
        wanted = reference(name, "numbers").fit(train, target).predict(held)[:, None]
    elif task == MULTILABEL:
        wanted = np.stack(
            [reference(name, "classes").fit(train, y).predict_proba(held)[:, 1] for y in target.T], axis=1
        )
    else:
        wanted = reference(name, "classes").fit(train, target).predict_proba(held)
    assert found == pytest.approx(wanted, abs=2e-3 if name == "linear" else 1e-9)
    assert seconds > 0


def test_texts_and_pairs_are_predicted_by_their_ngrams():
    texts = tuple(f"{'good' if label else 'bad'} film {i % 5}" for i, label in enumerate(TARGETS[BINARY]))
    model = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True, lowercase=False),
        SGDClassifier(loss="log_loss", alpha=1e-5, random_state=0),
    )
    for inputs, read in ((Texts(texts), texts), (Texts(texts, texts), [f"{text}\n{text}" for text in texts])):
        found, _ = predict_fold("linear", rows(inputs, TARGETS[BINARY], BINARY), TRAIN, HELD)
        wanted = model.fit(read[: len(TRAIN)], TARGETS[BINARY][TRAIN]).predict_proba(read[len(TRAIN) :])
        assert found == pytest.approx(wanted)


def test_ngrams_are_counted_once_for_all_folds_and_weighted_by_training_rows(monkeypatch):
    counted = []
    monkeypatch.setattr(quick_models, "ngram_counts", lambda texts: counted.append(len(texts)) or ngram_counts(texts))
    texts = tuple(f"{'good' if label else 'bad'} film {i}" for i, label in enumerate(SIGNAL > 0))
    of_all, target = rows(Texts(texts), (SIGNAL > 0).astype(np.int64), BINARY), SIGNAL > 0
    for train, held in ((TRAIN, HELD), (HELD, TRAIN)):
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True, lowercase=False)
        read = np.array(texts, dtype=object)
        model = SGDClassifier(loss="log_loss", alpha=1e-5, random_state=0)
        model.fit(vectorizer.fit_transform(read[train]), target[train])
        wanted = model.predict_proba(vectorizer.transform(read[held]))
        assert predict_fold("linear", of_all, train, held)[0] == pytest.approx(wanted, abs=1e-9)
    assert counted == [len(texts)]
    predict_fold("linear", of_all.some(HELD), np.arange(len(HELD)), np.arange(2))
    assert counted == [len(texts), len(HELD)]


@pytest.mark.parametrize("name", ["linear", "boosting"])
def test_nothing_is_learnt_of_held_out_rows(name):
    before, _ = predict_fold(name, rows(TABLE, TARGETS[BINARY], BINARY), TRAIN, HELD)
    numbers, words, target = NUMBERS.copy(), WORDS.copy(), TARGETS[BINARY].copy()
    numbers[HELD[1:]], words[HELD[1:]], target[HELD] = 1e6, "never seen", 1 - target[HELD]
    changed = replace(TABLE, numeric_NF=numbers, categorical_NK=words)
    after, _ = predict_fold(name, rows(changed, target, BINARY), TRAIN, HELD)
    assert after[0] == pytest.approx(before[0], abs=1e-12)
    assert np.isfinite(after).all()


@pytest.mark.parametrize("name", ["linear", "boosting"])
def test_classes_that_are_not_trained_on_get_nothing(name):
    target = np.where(np.isin(np.arange(N), TRAIN), CLASSES % 2, 2)
    found, _ = predict_fold(name, rows(TABLE, target, MULTICLASS), TRAIN, HELD)
    assert (found[:, 2] == 0).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(len(HELD)))
    alone, _ = predict_fold(name, rows(TABLE, np.zeros(N, dtype=np.int64), MULTICLASS), TRAIN, HELD)
    assert (alone == [1, 0, 0]).all()


def test_boosting_takes_empty_columns_and_more_words_than_it_has_bins():
    numbers = NUMBERS.copy()
    numbers[TRAIN, 2] = np.nan
    many = np.array([[f"word {i % 300}"] for i in range(600)], dtype=object)
    table = TableColumns(np.tile(numbers, (5, 1)), many, ("a", "b", "c"), ("w",))
    found, _ = predict_fold("boosting", rows(table, np.tile(TARGETS[BINARY], 5), BINARY), np.arange(400), HELD)
    assert np.isfinite(found).all()
    empty = replace(TABLE, numeric_NF=numbers)
    assert np.isfinite(predict_fold("boosting", rows(empty, TARGETS[BINARY], BINARY), TRAIN, HELD)[0]).all()


def test_a_weight_of_two_counts_as_the_row_twice():
    weights = np.where(np.arange(N) % 3 == 0, 2.0, 1.0)
    found, _ = predict_fold("linear", rows(TABLE, SIGNAL, REGRESSION, weights), TRAIN, HELD)
    plain, _ = predict_fold("linear", rows(TABLE, SIGNAL, REGRESSION), TRAIN, HELD)
    scaled = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), [0, 1, 2]), (OneHotEncoder(), [3])
    )
    train, held = scaled.fit_transform(frame([0, 1, 2, 3], TRAIN)), scaled.transform(frame([0, 1, 2, 3], HELD))
    twice = np.concatenate([np.arange(len(TRAIN)), np.flatnonzero(weights[TRAIN] == 2)])
    wanted = Ridge().fit(train[twice], SIGNAL[TRAIN][twice]).predict(held)
    assert found[:, 0] == pytest.approx(wanted)
    assert not np.allclose(found, plain)


def test_what_does_not_exist_for_the_inputs_is_refused():
    images, texts = Images("somewhere", ("a.png",), ("0" * 64,)), Texts(("a",))
    for wanted in ("auto", "off"):
        require_fitting(wanted, images)
    require_fitting("boosting", TABLE)
    with pytest.raises(ConfigError, match=r"boosting is for tables.*texts: use baseline=linear or baseline=off"):
        require_fitting("boosting", texts)
    with pytest.raises(ConfigError, match=r"baseline=linear is for tables and texts.*neither: use baseline=off"):
        require_fitting("linear", images)
