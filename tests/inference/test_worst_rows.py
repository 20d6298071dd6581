"""``foldwise inspect``: the rows, their order and what is written of them, by hand from oof.parquet."""

import base64
import csv
import io
import re
from contextlib import redirect_stderr, redirect_stdout
from html import escape

import numpy as np
import pytest
from PIL import Image

import trainer as fw
from tests.inference.run_cases import (
    image_options,
    multilabel_options,
    regression_options,
    table_options,
    text_options,
    trained_in,
)
from trainer.cli.main import main
from trainer.errors import ConfigError, DataError
from trainer.inference.worst_rows import inspect_run, worst
from trainer.store.result_files import read_oof


def output_of(*arguments):
    """Return exit code, output and errors of a command."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*map(str, arguments)])
    return code, out.getvalue(), err.getvalue()


def inspected(*arguments):
    return output_of("inspect", *arguments)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    return trained_in(folder, *table_options(folder), "cv.repeats=2")


def test_orders_are_those_of_the_mean_over_repeats(table):
    oof = read_oof(table / "oof.parquet")
    first, second = (oof.proba[oof.repeat == repeat].astype(float) for repeat in (0, 1))
    target, proba = oof.target[oof.repeat == 0], (first + second) / 2
    of_label = proba[np.arange(len(target)), target]
    found = inspect_run(table)
    assert worst(found, "loss").tolist() == np.argsort(of_label, kind="stable").tolist()
    assert found.loss_N == pytest.approx(-np.log(of_label))
    wrong = np.flatnonzero(proba.argmax(axis=1) != target)
    assert set(worst(found, "wrong").tolist()) == set(wrong.tolist())
    assert proba.max(axis=1)[worst(found, "wrong", 3)].tolist() == sorted(proba.max(axis=1)[wrong], reverse=True)[:3]
    apart = np.abs(first - second)[np.arange(len(target)), target] / np.sqrt(2)
    assert found.spread_N == pytest.approx(apart)
    assert worst(found, "disagreement", 1)[0] == apart.argmax()


def test_the_command_shows_rows_with_what_they_hold_and_writes_a_list_that_exclude_takes(table, tmp_path):
    code, out, err = inspected(table, "--top", 3, "-o", tmp_path / "list.csv")
    assert (code, err) == (0, "")
    assert "size=" in out
    assert "predicted wrong: " in out
    assert "slices: " in out
    with (tmp_path / "list.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = inspect_run(table)
    assert [row["id"] for row in rows] == found.run.ids_N[worst(found, "loss", 3)].tolist()
    assert list(rows[0])[:7] == [
        "id", "label", "predicted", "probability_of_label", "probability_of_predicted", "loss", "spread",
    ]  # fmt: skip
    original = {row["key"]: row for row in csv.DictReader((table.parents[1] / "table.csv").read_text().splitlines())}
    assert [row["colour"] for row in rows] == [original[row["id"]]["colour"] for row in rows]
    options = [one for one in table_options(table.parents[1]) if not one.startswith("run=")]
    again = trained_in(table.parents[1], *options, f"data.exclude={tmp_path}/list.csv", "run=without")
    assert len(read_oof(again / "oof.parquet").ids) == len(found.loss_N) - 3


def test_without_the_data_the_rows_are_shown_all_the_same(table, tmp_path):
    data = table.parents[1] / "table.csv"
    moved = data.rename(tmp_path / "elsewhere.csv")
    try:
        code, out, err = inspected(table)
        assert (code, err) == (0, "")
        assert "what it holds" not in out
        assert "note: what the rows hold is not shown: " in out
        assert "size=" in inspected(table, "--data", moved)[1]
        lines = moved.read_text().splitlines(keepends=True)
        (tmp_path / "short.csv").write_text("".join(lines[:-1]))
        code, _, err = inspected(table, "--data", tmp_path / "short.csv")
        assert code == 3
        assert "the rows are not those it was trained on" in err
    finally:
        moved.rename(data)


def test_what_cannot_be_is_refused_in_a_sentence(table, tmp_path):
    assert inspected(table, "--by", "los")[2].count("give one of loss, wrong, issue, disagreement") == 1
    assert inspected(table, "-o", tmp_path / "x.xlsx")[0] == 2
    folder = tmp_path / "one"
    folder.mkdir()
    once = trained_in(folder, *table_options(folder))
    with pytest.raises(ConfigError, match=r"cv\.repeats=3"):
        worst(inspect_run(once), "disagreement")


@pytest.mark.parametrize("options", [multilabel_options, regression_options])
def test_labels_and_numbers(tmp_path, options):
    run = trained_in(tmp_path, *options(tmp_path))
    found, oof = inspect_run(run), read_oof(run / "oof.parquet")
    proba, target = oof.proba.astype(float), oof.target
    if options is regression_options:
        assert found.loss_N == pytest.approx(np.abs(proba[:, 0] - target))
        assert "numbers have no label" in inspected(run)[1]
    else:
        given = np.where(target > 0, proba, 1 - proba)
        assert found.loss_N == pytest.approx(-np.log(given).mean(axis=1), rel=1e-5)
        assert found.wrong_N.tolist() == ((proba > 0.5) != target).any(axis=1).tolist()
    assert inspected(run, "--by", "wrong", "--top", 0)[0] == 0


def test_rows_of_a_program_are_given_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    quick = {"cv": {"n_splits": 2}, "max_epochs": 1, "runtime": {"progress": "off"}, "tracker": "none"}
    run = fw.cross_validate((X, X[:, 0] > 0), model="mlp", run="x", **quick)
    frame = run.inspect((X, X[:, 0] > 0), top=4)
    assert len(frame) == 4
    assert {one.name.split()[0] for one in run.slices((X, X[:, 0] > 0))} <= {"x0", "x1", "x2"}
    with pytest.raises(DataError, match="not those it was trained on"):
        run.inspect((X[:-1], X[:-1, 0] > 0))


@pytest.mark.parametrize("options", [image_options, text_options])
def test_the_page_has_texts_and_pictures_beside_the_rows(tmp_path, options, monkeypatch):
    run, page = trained_in(tmp_path, *options(tmp_path)), tmp_path / "worst.html"
    monkeypatch.setenv("FOLDWISE_LANG", "zh")
    code, _, err = inspected(run, "--top", 3, "-o", page)
    assert (code, err) == (0, "")
    written, found = page.read_text(), inspect_run(run)
    assert 'lang="zh-CN"' in written
    assert "预测得最差的行" in written
    assert "http" not in written
    headings = re.findall("<th scope=.col.>(.*?)</th>", written)
    assert not any(re.search("[a-z]{2,}", one) for one in headings), headings
    rows = worst(found, "loss", 3).tolist()
    if options is text_options:
        assert all(escape(found.samples.inputs.texts[row]) in written for row in rows)
        assert {one.name.split()[0] for one in found.slices} <= {"characters", "script"}
    else:
        pictures = [
            Image.open(io.BytesIO(base64.b64decode(part.partition('"')[0]))) for part in written.split("base64,")[1:]
        ]
        originals = [Image.open(tmp_path / "pictures" / found.samples.inputs.names[row]) for row in rows]
        assert [one.size for one in pictures] == [(160, 160)] * 3
        assert [one.getpixel((159, 0)) for one in pictures] == [one.getpixel((7, 0)) for one in originals]
    assert inspected(run, "-o", tmp_path / "no" / "x.html")[0] == 2
