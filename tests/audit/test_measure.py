from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import StratifiedKFold, TimeSeriesSplit, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.audit.audit_cases import SPEC, table, texts
from trainer.audit.measure import Gap, measure, not_measured
from trainer.data.samples import Arrays, DataSpec, Images, Samples, TableColumns, Texts
from trainer.tasks import MULTICLASS, MULTILABEL

RANDOM = np.random.default_rng(0)
N_PEOPLE, EACH = 30, 6
PERSON = np.repeat(np.arange(N_PEOPLE), EACH)
PERSON_LABEL = RANDOM.permutation(np.arange(N_PEOPLE) % 2)
LABELS = PERSON_LABEL[PERSON]
FEATURES = RANDOM.normal(size=(N_PEOPLE, 4))[PERSON] + RANDOM.normal(size=(N_PEOPLE * EACH, 4)) / 50
WORDS = ["room", "hotel", "service", "bed", "view", "price", "staff", "food", "noise", "pool", "bar", "street"]


def test_probes_are_those_of_scikit_learn() -> None:
    features = RANDOM.normal(size=(120, 3))
    target = (features[:, 0] + RANDOM.normal(size=120) > 0).astype(int)
    splitter = StratifiedKFold(4, shuffle=True, random_state=1)
    fold_N = np.zeros(120, dtype=np.int64)
    for fold, (_, held_out) in enumerate(splitter.split(features, target)):
        fold_N[held_out] = fold
    gaps = measure(table(features, target=target), SPEC, fold_N[None])
    models = {"logistic regression": LogisticRegression(), "nearest neighbour": KNeighborsClassifier(1)}
    assert [gap.probe for gap in gaps] == list(models)
    for gap in gaps:
        model = make_pipeline(StandardScaler(), models[gap.probe])
        expected = (cross_val_predict(model, features, target, cv=splitter) == target).mean()
        assert gap.given == pytest.approx(expected)
        assert gap.honest is None
        assert "no copy lies on both sides; no group was given" in gap.to_finding().message


def test_people_on_both_sides_are_worth_what_they_are() -> None:
    samples = table(FEATURES, target=LABELS, groups=PERSON)
    nearest = measure(samples, SPEC, None)[1]
    assert nearest.given > 0.95  # it knows the person again
    assert 0.2 < nearest.honest < 0.8  # labels are drawn at random per person
    assert nearest.n_honest == nearest.n_given == N_PEOPLE * EACH
    assert nearest.split == "5 random folds"
    message = nearest.to_finding().message
    assert f"the leak is worth +{nearest.given - nearest.honest:.3f}" in message
    assert "with groups kept together" in message


def test_people_of_a_test_set_are_left_out_of_training() -> None:
    fold_of_row = np.where(np.arange(len(LABELS)) % EACH == 0, 0, -1)[None]
    fold_of_row[0, PERSON >= 10] = -1
    samples = table(FEATURES, target=LABELS, groups=PERSON)
    nearest = measure(samples, SPEC, fold_of_row)[1]
    assert nearest.given == 1.0
    assert nearest.n_given == nearest.n_honest == 10
    assert nearest.honest < 1.0
    assert nearest.how == "without the training rows of held-out groups"
    trained = PERSON >= 10
    held_N = fold_of_row[0] == 0
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(1)).fit(FEATURES[trained], LABELS[trained])
    assert nearest.honest == pytest.approx(model.score(FEATURES[held_N], LABELS[held_N]))


def test_copies_are_left_out_of_the_score() -> None:
    values = [" ".join(RANDOM.choice(WORDS, 12)) for _ in range(200)]
    target = RANDOM.integers(0, 2, 200)
    values[150:170], target[150:170] = values[:20], target[:20]
    fold_of_row = np.where(np.arange(200) >= 150, 0, -1)[None]
    (gap,) = measure(texts(values, target), SPEC, fold_of_row, fold_names=("test",))
    assert (gap.split, gap.n_given, gap.n_honest) == ("this split, fold test", 50, 30)
    ngrams = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True)
    model = make_pipeline(ngrams, SGDClassifier(loss="log_loss", alpha=1e-5, random_state=0))
    right = model.fit(values[:150], target[:150]).predict(values[150:]) == target[150:]
    assert gap.given == pytest.approx(right.mean())
    assert gap.honest == pytest.approx(right[20:].mean())
    assert right[:20].mean() > right[20:].mean()  # labels of chance: only copies are known


def test_several_labels_per_row() -> None:
    features = RANDOM.normal(size=(90, 3))
    samples = table(features)
    samples = Samples(samples.ids_N, samples.inputs, (features[:, :2] > 0).astype(np.int64))
    gaps = measure(samples, DataSpec("case", MULTILABEL, ("red", "blue")), None)
    assert [gap.metric for gap in gaps] == ["F1 (micro)"] * 2
    assert all(gap.given > 0.8 for gap in gaps)
    values = [
        "sun " * (1 + red) + "rain " * (1 + 3 * blue) + str(row) for row, (red, blue) in enumerate(samples.target)
    ]
    samples = Samples(samples.ids_N, Texts(tuple(values)), samples.target)
    (gap,) = measure(samples, DataSpec("case", MULTILABEL, ("red", "blue")), None)
    assert gap.given > 0.8


def test_many_rows_are_drawn_with_all_their_copies() -> None:
    numeric = np.repeat(RANDOM.normal(size=(200, 2)), 2, axis=0)
    samples = table(numeric, target=np.repeat(RANDOM.integers(0, 2, 200), 2))
    fold_of_row = (np.arange(400) % 2)[None]  # every copy is on the other side
    gaps = measure(samples, SPEC, fold_of_row, most_rows=100)
    assert [gap.n_given for gap in gaps] == [100, 100]
    assert gaps[1].given == 1.0
    assert gaps[1].honest is None
    assert gaps[1].to_finding().message.endswith("(100 rows); every held-out row has a copy in training.")


def test_missing_cells_words_and_a_class_of_two_rows() -> None:
    numeric = RANDOM.normal(size=(60, 2))
    numeric[::7, 0] = np.nan
    words = [[RANDOM.choice(["a", "b"])] if row % 5 else [None] for row in range(60)]
    target = np.arange(60) % 2
    target[:2] = 2
    gaps = measure(table(numeric, words, target), DataSpec("case", MULTICLASS, ("x", "y", "z")), None)
    assert all(0.0 <= gap.given <= 1.0 for gap in gaps)


def test_a_training_part_of_one_class_predicts_it() -> None:
    gaps = measure(table([[1.0], [2.0], [3.0], [4.0]], target=[0, 0, 1, 0]), SPEC, np.array([[-1, -1, 0, 0]]))
    assert [gap.given for gap in gaps] == [0.5, 0.5]


def test_a_test_set_of_the_only_group() -> None:
    samples = table([[1.0], [2.0], [3.0]], target=[0, 1, 0], groups=["ann", "ann", "ann"])
    gap = measure(samples, SPEC, np.array([[-1, -1, 0]]))[1]
    assert gap.honest is None
    assert gap.how == "no training row is of another group"


def test_no_row_held_out() -> None:
    assert measure(table([[1.0], [2.0]]), SPEC, np.array([[-1, -1]])) == []


def test_a_time_leak_is_scored_with_earlier_rows_only() -> None:
    """The nearest row in time has the label; a row from long before does not."""
    drawn = np.random.default_rng(5)
    step_N = np.arange(200)
    numeric = step_N[:, None] + drawn.normal(size=(200, 1)) / 10
    target = drawn.integers(0, 2, 20)[step_N // 10]
    samples, times_N = table(numeric, target=target), step_N.astype("datetime64[D]")
    nearest = measure(samples, SPEC, (step_N % 5)[None], times_N=times_N)[1]
    assert nearest.how == "split by time"
    expected = np.concatenate(
        [
            KNeighborsClassifier(1).fit(numeric[train], target[train]).predict(numeric[held_out]) == target[held_out]
            for train, held_out in TimeSeriesSplit(5).split(numeric)
        ]
    )
    assert (nearest.honest, nearest.n_honest) == (pytest.approx(expected.mean()), len(expected))
    assert nearest.given > 0.9 > 0.75 > nearest.honest
    test_N = np.where((step_N >= 100) & (step_N < 150), 0, -1)
    nearest = measure(samples, SPEC, test_N[None], times_N=np.where(step_N == 3, np.nan, step_N))[1]
    assert nearest.how == "with only earlier rows in training"
    before = (step_N < 100) & (step_N != 3)
    model = KNeighborsClassifier(1).fit(numeric[before], target[before])
    assert nearest.honest == pytest.approx(model.score(numeric[100:150], target[100:150]))
    forwards = np.where(step_N >= 150, 0, -1)[None]
    assert measure(samples, SPEC, forwards, times_N=times_N)[1].how == "no copy lies on both sides; no group was given"


def test_nothing_lies_before_the_first_rows() -> None:
    gap = measure(table([[1.0], [2.0], [3.0]]), SPEC, np.array([[0, -1, -1]]), times_N=np.arange(3))[0]
    assert (gap.honest, gap.how) == (None, "no training row is from before the held-out ones")


def test_a_label_column_is_scored_without_it() -> None:
    drawn = np.random.default_rng(6)
    target = drawn.integers(0, 2, 200)
    noise = drawn.normal(size=(200, 2))
    fold_N = drawn.integers(0, 4, 200)
    gaps = measure(table(np.column_stack([noise, target]), target=target), SPEC, fold_N[None])
    assert [gap.how for gap in gaps] == ["without column 'n2'"] * 2
    plain = measure(table(noise, target=target), SPEC, fold_N[None])
    assert [gap.honest for gap in gaps] == [gap.given for gap in plain]
    assert gaps[0].given == 1.0
    alone = measure(table(target[:, None], target=target), SPEC, fold_N[None])
    assert "there is no column besides 'n0'" in [gap.how for gap in alone]


@pytest.mark.parametrize("n_rows", range(1, 6))
def test_fewer_rows_than_random_folds(n_rows: int) -> None:
    gaps = measure(table(RANDOM.normal(size=(n_rows, 2)), target=np.arange(n_rows) % 2), SPEC, None)
    assert {gap.split for gap in gaps} == ({f"{n_rows} random folds"} if n_rows > 1 else set())


def test_a_column_that_looks_like_a_group_is_taken_for_one() -> None:
    words = [[f"person {one}"] for one in PERSON]
    named = measure(table(FEATURES, words, LABELS), SPEC, None)
    grouped = measure(table(FEATURES, target=LABELS, groups=PERSON), SPEC, None)
    assert [gap.how for gap in named] == ["with groups kept together (by 'c0')"] * 2
    assert named[0].given == 1.0
    assert [gap.honest for gap in named] == pytest.approx([gap.honest for gap in grouped], abs=0.15)


@pytest.mark.parametrize("n_large", [100, 190])
def test_a_group_that_is_too_large_is_left_out_or_drawn_in_part(n_large: int) -> None:
    """Of 200 rows, with 90 looked at: the other groups fill that, or any rows are drawn."""
    groups = np.where(np.arange(200) < n_large, "large", (np.arange(200) // 10).astype(np.str_))
    numeric, target = RANDOM.normal(size=(200, 2)), RANDOM.integers(0, 2, 200)
    samples = table(numeric, target=target, groups=groups)
    gaps = measure(samples, SPEC, (np.arange(200) % 4)[None], most_rows=90)
    assert [gap.n_given for gap in gaps] == [90, 90]
    if n_large == 100:
        assert [gap.how for gap in gaps] == ["with groups kept together"] * 2


def test_one_group_of_more_rows_than_are_looked_at() -> None:
    samples = table(RANDOM.normal(size=(200, 2)), target=np.arange(200) % 2, groups=["only"] * 200)
    gaps = measure(samples, SPEC, None, most_rows=90)
    assert [(gap.n_given, gap.honest, gap.how) for gap in gaps] == [
        (90, None, "no training row is of another group")
    ] * 2


def with_column(name: str, cells, target) -> Samples:
    """``FEATURES`` and one more column, of numbers or words."""
    samples = table(FEATURES, cells[:, None] if cells.dtype.kind == "U" else None, target=target)
    columns = samples.inputs
    if cells.dtype.kind != "U":
        numeric_NF = np.column_stack([FEATURES, cells])
        return replace(samples, inputs=replace(columns, numeric_NF=numeric_NF, numeric=(*columns.numeric, name)))
    return replace(samples, inputs=replace(columns, categorical=(name,)))


@pytest.mark.parametrize("cells", [PERSON * 1.0, np.char.add("p", PERSON.astype(np.str_))])
def test_a_column_that_looks_like_a_group_is_measured_by(cells) -> None:
    """Folds by the column, which the models then do not see, give the scores of rows that have that group."""
    target = np.where(np.arange(len(LABELS)) % 7 == 0, 1 - LABELS, LABELS)  # no column tells the label by itself
    gaps = measure(with_column("patient_id", cells, target), SPEC, None)
    known = measure(table(FEATURES, target=target, groups=PERSON), SPEC, None)
    assert [(gap.probe, gap.honest) for gap in gaps] == [(gap.probe, gap.honest) for gap in known]
    nearest = gaps[1]
    assert nearest.how == "with groups kept together (by 'patient_id')"
    said = f"if 'patient_id' is a group, the first is too good by {nearest.given - nearest.honest:.3f}."
    assert said in nearest.to_finding().message


@pytest.mark.parametrize("cells", [np.where(PERSON < 20, "train", "test"), (PERSON >= 20) * 1.0])
def test_a_column_that_looks_like_a_split_is_measured_by(cells) -> None:
    name = "split" if cells.dtype.kind == "U" else "fold"
    nearest = measure(with_column(name, cells, LABELS), SPEC, None)[1]
    held_N = PERSON >= 20
    parts = [held_N] if name == "split" else [held_N, ~held_N]  # folds 0 and 1 are each held out
    right = 0.0
    for part_N in parts:
        model = make_pipeline(StandardScaler(), KNeighborsClassifier(1)).fit(FEATURES[~part_N], LABELS[~part_N])
        right += (model.predict(FEATURES[part_N]) == LABELS[part_N]).sum()
    assert nearest.honest == pytest.approx(right / sum(part_N.sum() for part_N in parts))
    assert nearest.n_honest == sum(part_N.sum() for part_N in parts)
    assert nearest.how == f"under the split of column '{name}'"
    assert f"if '{name}' is the split, the first is too good by" in nearest.to_finding().message


def test_a_split_that_is_as_good_is_told_so() -> None:
    gap = Gap("probe", "accuracy", "this split", 0.8, 0.82, "by 'site'", 9, 9, "'site' is a group")
    assert gap.to_finding().message.endswith("even if 'site' is a group, the first is not too good (-0.020).")


def test_a_given_group_needs_no_column_that_looks_like_one() -> None:
    samples = replace(with_column("site", PERSON // 2 * 1.0, LABELS), groups_N=PERSON.astype(np.str_))
    assert {gap.how for gap in measure(samples, SPEC, None)} == {"with groups kept together"}


def unread(name: str, samples: Samples) -> Samples:
    """The rows with a column of people that nothing reads."""
    words_NK = np.array([[f"p{one}"] for one in PERSON], dtype=object)
    return replace(samples, beside=TableColumns(np.empty((len(PERSON), 0)), words_NK, (), (name,)))


def test_a_column_that_nothing_reads_is_measured_by_as_a_group_of_texts_and_images(tmp_path) -> None:
    """Whoever is heard has words of their own; folds by the column give the scores of rows that have that group."""
    drawn = np.random.default_rng(7)
    said = [f"{WORDS[one % 12]}{one} " + " ".join(drawn.choice(WORDS, 3)) for one in PERSON.tolist()]
    spoken = texts(said, LABELS)
    for one in PERSON.tolist():
        Image.new("L", (16, 16), one * 8).save(tmp_path / f"{one}.png")
    files = tuple(f"{one}.png" for one in PERSON.tolist())
    pictures = replace(spoken, inputs=Images(str(tmp_path), files, tuple(map(str, range(len(files))))))
    for samples in (spoken, pictures):
        by_column = measure(unread("speaker", samples), SPEC, None)[-1]
        known = measure(replace(samples, groups_N=PERSON.astype(np.str_)), SPEC, None)[-1]
        assert (by_column.given, by_column.honest) == (known.given, known.honest)
        assert by_column.given > by_column.honest + 0.2
        assert "if 'speaker' is a group, the first is too good by" in by_column.to_finding().message
        assert by_column.how == "with groups kept together (by 'speaker')"


def test_what_is_not_measured_is_told_with_the_option_that_measures_it() -> None:
    words_NK = np.array([[f"p{one}"] * 5 for one in PERSON], dtype=object)
    names = tuple(f"{name}_id" for name in "abcde")
    samples = replace(texts(["x"] * len(PERSON), LABELS), beside=TableColumns(FEATURES[:, :0], words_NK, (), names))
    [told] = not_measured(samples)
    assert told.message == "Not measured: d_id, e_id; of the columns that look like a group the first 3 are."
    assert told.fix == "data.group=d_id"
    assert not_measured(unread("speaker", texts(["x"] * len(PERSON), LABELS))) == []
    arrays = replace(samples, inputs=Arrays({"x": FEATURES}))
    assert measure(arrays, SPEC, None) == []
    [told] = not_measured(arrays)
    assert "no quick probe fits" in told.message
