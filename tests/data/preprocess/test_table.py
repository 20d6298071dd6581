import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from trainer.data.preprocess import table as module
from trainer.data.preprocess.table import FittedTable, TablePreprocess
from trainer.data.samples import TableColumns, Texts
from trainer.errors import ConfigError, DataError
from trainer.system import mapped_arrays

TRAIN = np.arange(60)
NAN = np.nan


@pytest.fixture
def table() -> TableColumns:
    random = np.random.default_rng(0)
    numeric_NF = random.normal(3, 5, size=(100, 4))
    numeric_NF[random.random((100, 4)) < 0.1] = NAN
    numeric_NF[:, 1] = 7.0
    numeric_NF[:, 3] = np.nan_to_num(numeric_NF[:, 3])
    words_NK = random.choice(["red", "green", "blue"], size=(100, 2)).astype(object)
    words_NK[3, 0] = None
    words_NK[80, 1] = "only in validation"
    return TableColumns(numeric_NF, words_NK, ("a", "b", "c", "d"), ("u", "v"))


def test_numbers_as_scikit_learn(table: TableColumns) -> None:
    fitted = TablePreprocess().fit(table, TRAIN)
    reference = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()).fit(
        table.numeric_NF[TRAIN]
    )
    numeric = fitted.transform(table).inputs["numeric"].numpy()
    assert numeric.dtype == np.float32
    np.testing.assert_allclose(numeric[:, :4], reference.transform(table.numeric_NF), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(numeric[:, 4:], np.isnan(table.numeric_NF)[:, [0, 2]])
    assert fitted.model_arguments["n_features"] == numeric.shape[1] == 6


def test_without_standardisation(table: TableColumns) -> None:
    numeric = TablePreprocess(standardize=False).fit(table, TRAIN).transform(table).inputs["numeric"].numpy()
    there = ~np.isnan(table.numeric_NF)
    np.testing.assert_allclose(numeric[:, :4][there], table.numeric_NF[there], rtol=1e-6)


def test_categories_as_scikit_learn(table: TableColumns) -> None:
    fitted = TablePreprocess().fit(table, TRAIN)
    indices_NK = fitted.transform(table).inputs["categorical"].numpy()
    assert indices_NK.dtype == np.int64
    known = [words[words != None] for words in table.categorical_NK[TRAIN].T]  # noqa: E711
    for place, words in enumerate(known):
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-2).fit(words[:, None])
        there = table.categorical_NK[:, place] != None  # noqa: E711
        expected = encoder.transform(table.categorical_NK[there, place][:, None])[:, 0] + 2
        np.testing.assert_array_equal(indices_NK[there, place], expected)
    assert indices_NK[3, 0] == 1
    assert indices_NK[80, 1] == 0
    assert fitted.model_arguments["cardinalities"] == (5, 5)
    assert indices_NK.max() < 5


def test_validation_rows_do_not_leak(table: TableColumns) -> None:
    numeric_NF, words_NK = table.numeric_NF.copy(), table.categorical_NK.copy()
    numeric_NF[60:] = np.where(np.isnan(numeric_NF[60:]), NAN, 1e6)
    words_NK[60:] = "changed"
    other = replace(table, numeric_NF=numeric_NF, categorical_NK=words_NK)
    preprocess = TablePreprocess()
    assert preprocess.fit(table, TRAIN).to_json() == preprocess.fit(other, TRAIN).to_json()
    trained_on_others = preprocess.fit(table, np.arange(40, 100)).to_json()
    assert preprocess.fit(other, np.arange(40, 100)).to_json() != trained_on_others


def test_every_fold_has_the_same_width() -> None:
    numeric_NF = np.array([[1.0], [2.0], [3.0], [NAN]])
    table = TableColumns(numeric_NF, np.empty((4, 0), dtype=object), ("a",))
    for rows in ([0, 1, 2], [1, 2, 3]):
        fitted = TablePreprocess().fit(table, np.array(rows))
        assert fitted.model_arguments == {"n_features": 2, "cardinalities": ()}
        assert fitted.transform(table).inputs["numeric"].shape == (4, 2)


def test_column_without_values_in_the_training_rows() -> None:
    numeric_NF = np.array([[NAN, 1.0], [NAN, 2.0], [5.0, 3.0]])
    table = TableColumns(numeric_NF, np.empty((3, 0), dtype=object), ("a", "b"))
    numeric = TablePreprocess().fit(table, np.array([0, 1])).transform(table).inputs["numeric"].numpy()
    np.testing.assert_allclose(numeric[:, 0], [0.0, 0.0, 5.0])
    assert np.isfinite(numeric).all()


def test_only_categories() -> None:
    words_NK = np.array([["x"], ["y"]], dtype=object)
    table = TableColumns(np.empty((2, 0)), words_NK, (), ("u",))
    fitted = TablePreprocess().fit(table, np.array([0]))
    rows = fitted.transform(table).inputs
    assert rows["numeric"].shape == (2, 0)
    assert rows["categorical"].tolist() == [[2], [0]]


def test_only_numbers_have_no_categorical_input() -> None:
    table = TableColumns(np.ones((2, 1)), np.empty((2, 0), dtype=object), ("a",))
    assert set(TablePreprocess().fit(table, np.array([0])).transform(table).inputs) == {"numeric"}


def test_json_rebuilds_the_transform(table: TableColumns) -> None:
    fitted = TablePreprocess().fit(table, TRAIN)
    rebuilt = FittedTable.from_json(json.loads(json.dumps(fitted.to_json())))
    before, after = fitted.transform(table).inputs, rebuilt.transform(table).inputs
    assert rebuilt.model_arguments == fitted.model_arguments
    for name in ("numeric", "categorical"):
        np.testing.assert_array_equal(before[name].numpy(), after[name].numpy())


def test_other_columns_are_refused(table: TableColumns) -> None:
    fitted = TablePreprocess().fit(table, TRAIN)
    with pytest.raises(DataError, match=r"missing \['a'\], unknown \['z'\]"):
        fitted.transform(replace(table, numeric=("z", "b", "c", "d")))
    with pytest.raises(DataError, match="another order"):
        fitted.transform(replace(table, numeric=("b", "a", "c", "d")))


def test_value_beyond_float32(table: TableColumns) -> None:
    fitted = TablePreprocess().fit(table, TRAIN)
    numeric_NF = table.numeric_NF.copy()
    numeric_NF[70, 2] = 1e300
    with pytest.raises(DataError, match=r"column 'c' row 71: 1e\+300 is too large"):
        fitted.transform(replace(table, numeric_NF=numeric_NF))


def test_texts_are_refused(table: TableColumns) -> None:
    with pytest.raises(ConfigError, match="data/preprocess=vocabulary"):
        TablePreprocess().fit(Texts(("a",)), np.array([0]))
    with pytest.raises(ConfigError, match="data/preprocess=vocabulary"):
        TablePreprocess().fit(table, TRAIN).transform(Texts(("a",)))


@pytest.mark.parametrize("n_features", [1, 2, 4, 5, 6, 9, 17])
def test_medians_means_and_scales_are_the_bits_of_scikit_learn_on_all_columns(n_features: int) -> None:
    random = np.random.default_rng(n_features)
    numeric_NF = random.normal(size=(999, n_features)) * 10.0 ** random.integers(-3, 6, n_features) + 100
    numeric_NF[random.random(numeric_NF.shape) < 0.1] = NAN
    numeric_NF[:, -1] = NAN if n_features > 4 else numeric_NF[:, -1]
    rows = np.sort(random.permutation(999)[:800])
    table = TableColumns(numeric_NF, np.empty((999, 0), dtype=object), tuple(map(str, range(n_features))))
    fitted = TablePreprocess().fit(table, rows)
    imputer = SimpleImputer(strategy="median", keep_empty_features=True).fit(numeric_NF[rows])
    scaler = StandardScaler().fit(imputer.transform(numeric_NF[rows]))
    np.testing.assert_array_equal(fitted.medians_F, imputer.statistics_)
    np.testing.assert_array_equal(fitted.means_F, scaler.mean_)
    np.testing.assert_array_equal(fitted.scales_F, scaler.scale_)


def test_a_value_whose_square_is_infinite_is_named(table: TableColumns) -> None:
    table.numeric_NF[TRAIN[3], 2] = -1e300
    with pytest.raises(DataError, match=rf"column 'c' row {TRAIN[3] + 1}: -1e\+300 is too large"):
        TablePreprocess().fit(table, TRAIN).transform(table)


def test_chunks_give_what_all_rows_give_at_once(table: TableColumns, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = TablePreprocess().fit(table, TRAIN)
    whole = fitted.transform(table).inputs
    monkeypatch.setattr(mapped_arrays, "CHUNK_ROWS", 7)
    chunked = fitted.transform(table).inputs
    for name, values in whole.items():
        assert chunked[name].numpy().tobytes() == values.numpy().tobytes()
    monkeypatch.setattr(mapped_arrays, "CHUNK_ROWS", 1 << 16)
    monkeypatch.setattr(module, "FEW_CELLS", 1)
    row_by_row = fitted.transform(table).inputs
    for name, values in whole.items():
        assert row_by_row[name].numpy().tobytes() == values.numpy().tobytes()
    table.numeric_NF[65, 2] = 1e300
    with pytest.raises(DataError, match=r"column 'c' row 66: 1e\+300 is too large"):
        fitted.transform(table)
    with pytest.raises(DataError, match=r"column 'c' row 66: 1e\+300 is too large"):  # from which all rows are far
        TablePreprocess().fit(table, np.arange(len(table.numeric_NF))).transform(table)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 5, 9])
def test_two_columns_at_a_time_learn_the_bits_of_all(
    monkeypatch: pytest.MonkeyPatch, n_features: int, whole: bool
) -> None:
    numeric_NF = np.random.default_rng(0).normal(1e3, 1, size=(5_000, n_features))
    if not whole:
        numeric_NF[::7] = NAN
    names, none = tuple(map(str, range(n_features))), np.empty((5_000, 0), dtype=object)
    rows = np.arange(0, 5_000, 3)
    table = TableColumns(numeric_NF, none, names)
    together = TablePreprocess().fit(table, rows).to_json()
    assert together["medians"] == np.nanmedian(numeric_NF[rows], axis=0).tolist()
    monkeypatch.setattr(module, "MOST_CELLS", 0)
    monkeypatch.setattr(module, "FEW_CELLS", 0)
    assert TablePreprocess().fit(table, rows).to_json() == together
    by_columns = TableColumns(np.asfortranarray(numeric_NF), none, names)
    assert TablePreprocess().fit(by_columns, rows).to_json() == together


def test_many_columns_of_few_rows_are_scaled_in_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    widths, scaling = [], module._scaling

    def counted(train_NB):
        widths.append(train_NB.shape[1])
        return scaling(train_NB)

    monkeypatch.setattr(module, "_scaling", counted)
    numeric_NF = np.random.default_rng(0).normal(size=(1_000, 300))
    table = TableColumns(numeric_NF, np.empty((1_000, 0), dtype=object), tuple(map(str, range(300))))
    TablePreprocess().fit(table, np.arange(1_000))
    assert widths == [131, 131, 38]


def test_beside_rows_and_result_fitting_and_transforming_take_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped_arrays, "CHUNK_ROWS", 512)
    n_features, beside = 32, []
    for n_rows in (10_000, 40_000):
        numeric_NF = np.random.default_rng(0).normal(size=(n_rows, n_features))
        numeric_NF[::7, 0] = NAN
        names = tuple(map(str, range(n_features)))
        big = TableColumns(numeric_NF, np.full((n_rows, 2), "word", dtype=object), names, ("u", "v"))
        TablePreprocess().fit(big, np.arange(100)).transform(big)  # imports
        tracemalloc.start()
        fitted = TablePreprocess().fit(big, np.arange(n_rows))
        of_fit = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        rows = fitted.transform(big)
        of_transform = tracemalloc.get_traced_memory()[1] - sum(x.numpy().nbytes for x in rows.inputs.values())
        tracemalloc.stop()
        beside.append((of_fit / n_rows, of_transform))
    (fit_few, transform_few), (fit_many, transform_many) = beside
    assert fit_many < 1.1 * fit_few
    assert fit_many < n_features * 8  # bytes per row: less than the rows themselves
    assert transform_many < transform_few + 200_000
