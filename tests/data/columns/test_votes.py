import numpy as np
import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.samples import Arrays
from trainer.data.sources.csv_text import load_csv_text
from trainer.data.sources.in_memory import given_rows
from trainer.errors import ConfigError, DataError

SHARES = [[0, 1], [2 / 3, 1 / 3], [0.5, 0.5], [1, 0]]
WRITTEN = ('{"yes": 3}', '{"no": 2, "yes": 1}', '{" No ": 0.5, "yes": 0.5, "no": null}', "")


def loaded(folder, votes=WRITTEN, **options):
    labels = ("yes", "no", "no", "no")
    lines = [f"text {cell[:3]};{label};{cell}" for label, cell in zip(labels, votes, strict=True)]
    (folder / "a.csv").write_text("\n".join(["text;label;votes", *lines]) + "\n")
    given = {"delimiter": ";", "quote": "none", "votes": "votes", **options}
    return load_csv_text(str(folder / "a.csv"), ColumnOptions(**given), text="text")


def test_votes_are_shares_of_the_classes_and_of_none_the_label_is_all(tmp_path):
    samples, spec = loaded(tmp_path)
    np.testing.assert_allclose(samples.votes_NC, SHARES)
    assert samples.target.tolist() == [1, 0, 0, 0]
    assert spec.notes[-1].startswith("soft labels: ")
    assert "several classes in 2 of 4 rows" in spec.notes[-1]
    assert samples.only(np.array([True, False, True, False])).votes_NC.tolist() == [SHARES[0], SHARES[2]]


def test_records_in_memory_are_votes_too():
    values = {"label": ["yes", "no", "no"], "said": [{"yes": 1}, {"no": 3, "yes": 1}, None]}
    columns = ColumnOptions(votes="said")
    samples, _ = given_rows(Arrays({"x": np.zeros((3, 2))}), 3, "given", columns, values)
    assert samples.votes_NC.tolist() == [[0, 1], [0.75, 0.25], [1, 0]]


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ('{"maybe": 1}', "votes for 'maybe', which is the label of no row; have: no, yes"),
        ('{"yess": 1}', "did you mean 'yes'"),
        ('{"no": -1}', "is no record of votes from 0 up"),
        ("[1, 2]", "is no record of votes from 0 up"),
        ("2:1", 'is no record of votes: write them as {"good": 2, "bad": 1}'),
    ],
)
def test_what_is_no_vote_is_named_with_its_row(tmp_path, cell, why):
    with pytest.raises(DataError) as refused:
        loaded(tmp_path, (*WRITTEN[:2], cell, ""))
    assert "a.csv: column 'votes' row 3: " in str(refused.value)
    assert why in str(refused.value)


def test_rows_of_several_labels_have_no_votes(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.votes=votes has no effect on a multilabel task"):
        loaded(tmp_path, label_delimiter="|")
