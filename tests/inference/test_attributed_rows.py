"""Explained texts and images of runs: who explains them, what is printed and written."""

import csv
import json
import sys

import numpy as np
import pytest

from tests.inference.run_cases import image_options, table_options, text_options, trained_in, transformer_options
from tests.inference.test_worst_rows import output_of
from trainer.folds.plan import read_plan
from trainer.inference.attributed_rows import _whole_characters, attributed_rows
from trainer.inference.attribution_page import AGAINST, FOR, overlay


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    return trained_in(folder, *text_options(folder), "cv.repeats=2")


def test_a_row_is_explained_by_the_models_that_were_not_trained_on_it(texts):
    plan = read_plan(texts / "folds.json")
    rows = attributed_rows(texts, rows=["5", "0"])
    assert [row.id for row in rows] == ["5", "0"]
    for row in rows:
        assert row.folds == tuple(2 * repeat + plan.fold_of_row[repeat, int(row.id)] for repeat in (0, 1))
        assert len(row.tokens) == len(row.weights)
        assert row.explained == row.predicted
        assert row.missed < 0.02
        assert row.weights.sum() == pytest.approx(row.change, abs=0.02 * np.abs(row.weights).sum())
    (of_label,) = attributed_rows(texts, rows=["5"], explained="label")
    assert of_label.explained == of_label.label


def test_bytes_of_one_character_are_shown_as_it():
    tokens, weights = _whole_characters(("a", "👍", "", "", " b"), np.array([1.0, 2.0, -0.5, 0.25, 3.0]))
    assert tokens == ("a", "👍", " b")
    assert weights.tolist() == [1.0, 1.75, 3.0]


def test_the_command_prints_and_writes_texts(texts, tmp_path):
    files = [tmp_path / name for name in ("a.csv", "a.json", "a.html")]
    code, out, err = output_of("explain", texts, "--worst", 2, *(word for path in files for word in ("-o", path)))
    assert (code, err) == (0, "")
    assert out.count("what speaks for ") == 2
    assert out.count("their sum is off by ") == 2
    values = json.loads(files[1].read_text())["rows"]
    with files[0].open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["token"] for line in lines] == [token for row in values for token in row["tokens"]]
    page = files[2].read_text()
    assert page.count('<p class="text">') == 2
    assert "http" not in page


def test_tokens_of_a_transformer_are_its_text(tmp_path):
    run = trained_in(tmp_path, *transformer_options(tmp_path))
    with (tmp_path / "reviews.csv").open(newline="") as file:
        original = [row["text"] for row in csv.DictReader(file)]
    (row,) = attributed_rows(run, rows=["7"])
    assert (row.tokens[0], row.tokens[-1]) == (" [CLS] ", " [SEP] ")
    assert "".join(row.tokens[1:-1]) == original[7]
    assert row.weights[[0, -1]].tolist() == [0, 0]
    assert np.abs(row.weights).max() > 0
    assert row.missed < 0.05


def test_images_are_laid_over_with_the_map(tmp_path):
    run = trained_in(tmp_path, *image_options(tmp_path))
    (row,) = attributed_rows(run, n_worst=1)
    assert row.pixels.shape == (8, 8, 3)
    assert row.weights.shape == (4, 4)
    assert 0 <= row.weights.min() <= row.weights.max() <= 1
    code, out, err = output_of("explain", run, "--rows", row.id, "-o", tmp_path / "a.html")
    assert (code, err) == (0, "")
    assert "Grad-CAM of 4 x 4 parts" in out
    assert (tmp_path / "a.html").read_text().count("data:image/png;base64,") == 2


def test_the_overlay_colours_what_speaks_for_and_against():
    grey = np.full((200, 200, 3), 100, dtype=np.uint8)
    found = overlay(grey, np.array([[1.0, -1.0]]))
    assert found[100, 0].tolist() == [int(25 + 0.75 * one) for one in FOR]
    assert found[100, -1].tolist() == [int(25 + 0.75 * one) for one in AGAINST]
    assert found[100, 100].max() < 110  # nothing between them


def test_what_cannot_be_is_refused_in_a_sentence(texts, tmp_path, monkeypatch):
    for arguments, said in (
        (("--rows", "5,x9"), "no fold held out a row 'x9'"),
        (("--rows", "5", "--worst", 3), "--rows and --worst: give one of them"),
        (("--of", "goood"), "--of goood: no such class: did you mean 'good'?"),
    ):
        code, _, err = output_of("explain", texts, *arguments)
        assert (code, err.count("\n") <= 3) == (2, True)
        assert said in err
    table = trained_in(tmp_path, *table_options(tmp_path))
    assert "for the columns of a table leave --rows and --worst out" in output_of("explain", table, "--worst", 3)[2]
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    code, _, err = output_of("explain", texts)
    assert (code, err.count("\n")) == (2, 1)
    assert "pip install 'foldwise[explain]'" in err
