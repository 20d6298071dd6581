"""Transformers of scikit-learn as preprocessing, kept by skops."""

import json
import sys

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import trainer as fw
from trainer.data.preprocess.estimator import Estimator, FittedEstimator, saved_text
from trainer.data.samples import TableColumns, Texts
from trainer.errors import ConfigError, DataError

VALUES = np.random.default_rng(0).normal(size=(30, 4))
TABLE = TableColumns(VALUES, np.empty((30, 0), dtype=object), tuple("abcd"))
TRAIN = np.arange(20)


def test_without_skops_the_way_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(fw.errors.ConfigError, match="pip install skops"):
        fw.cross_validate((VALUES, np.arange(30) % 2), preprocess=StandardScaler())


def pipeline():
    return make_pipeline(StandardScaler(), PCA(2, random_state=0))


def test_it_is_fitted_on_the_training_rows_and_kept():
    pytest.importorskip("skops")
    fitted = Estimator(saved_text(pipeline())).fit(TABLE, TRAIN)
    again = FittedEstimator.from_json(json.loads(json.dumps(fitted.to_json())))
    expected = pipeline().fit(VALUES[TRAIN]).transform(VALUES)
    np.testing.assert_allclose(again.transform(TABLE).inputs["numeric"].numpy(), expected, rtol=1e-6)
    assert fitted.model_arguments["n_features"] == 2


def test_the_same_transformer_is_the_same_text():
    pytest.importorskip("skops")
    assert saved_text(pipeline()) == saved_text(pipeline())
    assert saved_text(pipeline().fit(VALUES)) == saved_text(pipeline().fit(VALUES))
    assert saved_text(pipeline().fit(VALUES)) != saved_text(pipeline().fit(VALUES[TRAIN]))


def test_texts_become_numbers():
    pytest.importorskip("skops")
    texts = Texts(("good phone", "bad screen", "good screen"))
    fitted = Estimator(saved_text(TfidfVectorizer())).fit(texts, np.arange(3))
    expected = TfidfVectorizer().fit_transform(texts.texts).toarray()
    np.testing.assert_allclose(fitted.transform(texts).inputs["numeric"].numpy(), expected, rtol=1e-6)


def own(values):
    return values


def test_code_of_ones_own_is_refused():
    pytest.importorskip("skops")
    with pytest.raises(ConfigError, match=r"test_estimator\.own, which may run any code"):
        saved_text(FunctionTransformer(own))


def test_columns_that_are_asked_for_by_name_are_told_by_number():
    pytest.importorskip("skops")
    by_name = ColumnTransformer([("scaled", StandardScaler(), [TABLE.numeric[0]])])
    with pytest.raises(DataError, match=f"name columns by their number: 0 {TABLE.numeric[0]}, 1 "):
        Estimator(saved_text(by_name)).fit(TABLE, TRAIN)
