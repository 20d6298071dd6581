import pyarrow as pa
import pytest

from trainer.data.columns.class_order import in_order
from trainer.data.columns.labels import encode_labels, read_labels
from trainer.errors import ConfigError

GRADES = ["high", "low", "medium", "low", "high"]


def encoded(order, labels=GRADES, **options):
    return encode_labels(pa.array(labels), "grade", "grades.csv", class_order=order, **options)


def test_classes_are_numbered_as_asked_however_they_are_spelt():
    labels = encoded(["Low", " medium", "high"])
    assert labels.classes == ("low", "medium", "high")
    assert labels.target.tolist() == [2, 0, 1, 0, 2]
    assert labels.notes[0] == "labels: low -> 0, medium -> 1, high -> 2"


def test_numbers_may_be_turned_round():
    assert encoded([2, 1.0, 0], ["0", "2", "1"]).target.tolist() == [2, 0, 1]


def test_of_two_classes_the_last_is_the_positive_one():
    labels = encoded(["yes", "no"], ["yes", "no", "no"])
    assert (labels.classes, labels.positive_because) == (("yes", "no"), "data.class_order")


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (["low", "high"], "lacks 'medium'"),
        (["low", "medium", "high", "LOW"], "names 'low' more than once"),
        (["low", "medum", "high"], "'medum' is no class of the labels: did you mean 'medium'?"),
    ],
)
def test_an_order_of_other_classes_is_refused(order, said):
    with pytest.raises(ConfigError) as refused:
        encoded(order)
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 2


def test_what_has_no_order_is_refused():
    with pytest.raises(ConfigError, match=r"data\.class_order and data\.positive both say which class is last"):
        in_order(["a", "b"], ["b", "a"], positive="a")
    table = pa.table({"a": ["0", "1"], "b": ["1", "0"], "y": ["1.5", "2.5"]})
    with pytest.raises(ConfigError, match="only classes of which a row has one are in an order, the labels are multi"):
        read_labels(table, ["a", "b"], "t.csv", class_order=["a", "b"])
    with pytest.raises(ConfigError, match="a number is predicted"):
        read_labels(table, ["y"], "t.csv", task="regression", class_order=["a", "b"])
