from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from sklearn.metrics import average_precision_score, balanced_accuracy_score, precision_recall_fscore_support
from torchvision.ops import sigmoid_focal_loss

from tests.data.sources.as_configured import as_configured
from trainer.data.columns.labels import encode_labels, read_labels
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.data.sources.csv_text import load_csv_text
from trainer.errors import ConfigError
from trainer.losses.focal import Focal
from trainer.metrics.scores import score
from trainer.report.formatting import number
from trainer.report.markdown import per_class
from trainer.tasks import BINARY, MULTICLASS

RANDOM = np.random.default_rng(0)
IS_POSITIVE_N = np.arange(200) % 10 == 3
LOGIT_N = RANDOM.normal(size=200) + IS_POSITIVE_N
PROBA_N2 = np.stack([1 / (1 + np.exp(LOGIT_N)), 1 / (1 + np.exp(-LOGIT_N))], axis=1)
SPELT = [
    ("no", "yes"),
    ("yes, it is well", "bad"),  # rare
    ("good", "bad"),  # rare, and first in the alphabet
    ("0", "1"),
    ("1", "-1.5"),  # asked for below
    ("阴性", "阳性"),
    ("是", "否"),  # asked for below
    ("legit", "fraud"),
    ("genuine", "fraud"),
]


def named(negative: str, positive: str) -> list[str]:
    return np.where(IS_POSITIVE_N, positive, negative).tolist()


@pytest.mark.parametrize(("negative", "positive"), SPELT)
def test_the_same_rows_have_scikit_learns_figures_of_the_positive_class_however_spelt(negative, positive):
    asked = positive if positive in ("-1.5", "否") else None
    texts_N = named(negative, positive)
    labels = encode_labels(texts_N, "y", "f.csv", positive=asked)
    assert (labels.classes, labels.task) == ((negative, positive), BINARY)
    found = score(["average_precision", "balanced_accuracy"], BINARY, labels.target, PROBA_N2)
    assert found["average_precision"] == pytest.approx(
        average_precision_score(texts_N, PROBA_N2[:, 1], pos_label=positive), rel=1e-12
    )
    predicted_N = np.where(LOGIT_N > 0, positive, negative)
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(texts_N, predicted_N), rel=1e-12)
    result = SimpleNamespace(task=BINARY, classes=labels.classes)
    row = per_class(result, SimpleNamespace(target=labels.target, proba=PROBA_N2))[1]
    *expected, _ = precision_recall_fscore_support(texts_N, predicted_N, pos_label=positive, average="binary")
    assert row == ["1", positive, "20", *map(number, expected)]


@pytest.mark.parametrize(("negative", "positive"), [("good", "bad"), ("no", "yes"), ("legit", "fraud")])
def test_focals_alpha_is_the_weight_of_the_positive_class(negative, positive):
    target = torch.from_numpy(encode_labels(named(negative, positive), "y", "f.csv").target)
    logits_N = torch.from_numpy(LOGIT_N)
    loss = Focal(gamma=2.0, alpha=0.25, task=BINARY, n_classes=2, class_counts=[180, 20], n_rows=200)
    expected = sigmoid_focal_loss(logits_N, torch.from_numpy(IS_POSITIVE_N).double(), alpha=0.25, gamma=2.0)
    torch.testing.assert_close(loss(logits_N[:, None], target).double(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("cells", "positive", "because"),
    [
        ("no no yes yes yes", "yes", "by its name"),
        ("TRUE FALSE TRUE", "TRUE", "by its name"),
        ("ＹＥＳ no ＹＥＳ", "ＹＥＳ", "by its name"),
        ("ham spam spam", "spam", "by its name"),
        ("positive neutral positive", "positive", "by its name"),
        ("是 否 是", "是", "by its name"),
        ("recurrence no recurrence", "recurrence", "by the name of the other"),
        ("阴性 异常 异常", "异常", "by the name of the other"),
        ("y y n", "y", "by its name"),
        ("oui oui non", "oui", "by its name"),
        ("sí sí no", "sí", "by the name of the other"),
        ("はい はい いいえ", "はい", "by its name"),
        ("Malignant Malignant benign", "Malignant", "by its name"),
        ("异常 异常 正常", "异常", "by its name"),
        ("case case control", "case", "by its name"),
        ("normal normal attack", "attack", "the rarer one: 1 of 3"),
        ("T T F", "T", "by its name"),
        ("+ - +", "+", "by its name"),
        ("有 无 有", "有", "by its name"),
        ("-1 1 1", "1", "the number above 0"),
        ("1.0 0 1.0", "1.0", "the number above 0"),
        ("4 0 4", "4", "the number above 0"),
        ("1 2 2", "1", "the rarer one: 1 of 3"),
        ("2 1 2 2 1", "1", "the rarer one: 2 of 5"),
        ("1 2 1", "2", "the rarer one: 1 of 3"),
        ("m m f", "f", "the rarer one: 1 of 3"),  # a lone letter says nothing
        ("t s t", "s", "the rarer one: 1 of 3"),
        ("yes positive positive", "yes", "the rarer one: 1 of 3"),  # both names say so
        ("no neg neg", "no", "the rarer one: 1 of 3"),
        ("bees ants", "bees", "the last in order: both have 1 row"),
    ],
)
def test_the_name_decides_and_else_the_number_of_rows(cells, positive, because):
    cells = cells.split()
    labels = encode_labels(cells, "y", "f.csv")
    assert (labels.classes[1], labels.positive_because) == (positive, because)
    assert [labels.classes[index] for index in labels.target] == cells


@pytest.mark.parametrize(
    ("cells", "wanted", "positive"),
    [
        ("fraud legit", "legit", "legit"),
        ("0 1 1", 0, "0"),
        ("1.0 2.0", 1, "1.0"),
        ("True False", False, "False"),
        ("Good bad", "good", "Good"),
    ],
)
def test_the_class_that_is_asked_for_is_positive(cells, wanted, positive):
    labels = encode_labels(cells.split(), "y", "f.csv", positive=wanted)
    assert (labels.classes[1], labels.positive_because) == (positive, "data.positive")
    assert [labels.classes[index] for index in labels.target] == cells.split()


def test_rows_that_are_left_out_are_not_counted():
    labels = encode_labels(["a", "?", "b", "?", "b"], "y", "f.csv", missing=["?"])
    assert (labels.classes[1], labels.positive_because) == ("a", "the rarer one: 1 of 3")
    joined = encode_labels(["A", "b", "a", "b", "b"], "y", "f.csv", spellings="join")
    assert (joined.classes[1], joined.positive_because) == ("A", "the rarer one: 2 of 5")


def test_a_positive_class_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match=r"(?s)frud is no class .*did you mean 'fraud'\?.*'legit' \(2 rows\)"):
        encode_labels(["fraud", "legit", "legit"], "y", "f.csv", positive="frud")
    with pytest.raises(ConfigError, match="may be either"):
        encode_labels(["Yes", "yes"], "y", "f.csv", spellings="apart", positive="YES")
    with pytest.raises(ConfigError, match=r"data\.positive=a: only a binary task .* there are 3 classes: leave it out"):
        encode_labels(["a", "b", "c"], "y", "f.csv", positive="a")
    with pytest.raises(ConfigError, match=r"data\.positive=1: .* a number is predicted"):
        read_labels(pa.table({"y": [0.5, 1.5]}), ["y"], "f.csv", task="regression", positive=1)
    table = pa.table({"y": ["a|b", "b"], "z": ["1", "0"], "w": ["0", "1"]})
    for names, delimiter in ((["y"], "|"), (["z", "w"], None)):
        with pytest.raises(ConfigError, match=r"data\.positive=a: .* the labels are multi-label"):
            read_labels(table, names, "f.csv", label_delimiter=delimiter, positive="a")


def test_every_table_takes_the_option_and_says_why(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\nx,no\ny,yes\nz,no\n", encoding="utf-8")
    for loader, options in ((load_csv_tabular, {}), (load_csv_text, {"text": "text"})):
        read = as_configured(loader)
        assert read(str(path), **options)[1].describe_positive() == "yes (by its name)"
        samples, spec = read(str(path), positive="no", task="multiclass", **options)
        assert (spec.task, spec.classes, samples.target.tolist()) == (MULTICLASS, ("yes", "no"), [1, 0, 1])
        assert spec.describe_positive() == "no (data.positive)"
