"""Drift as a person meets it: warnings by column, the page, and silence where nothing drifts."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import trainer as fw
from tests.inference.run_cases import QUICK, image_options, text_options, trained_in, transformer_options
from trainer.cli.main import main
from trainer.data.row_measures import Measure
from trainer.inference.drift import Watched, united
from trainer.inference.drift_counts import Counted, Watch


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A run on 400 persons, and the frame it was trained on."""
    folder, random = tmp_path_factory.mktemp("people"), np.random.default_rng(0)
    height, town = random.normal(170, 9, 400).round(1), random.choice(["Ulm", "Bonn", "Kiel"], 400, p=[0.6, 0.3, 0.1])
    frame = pd.DataFrame({"height": height, "age": random.integers(18, 90, 400), "town": town})
    frame["label"] = np.where(height > 170, "tall", "short")
    frame.to_csv(folder / "people.csv", index=False)
    columns = ("data=csv_tabular", f"data.path={folder}/people.csv", "data.categorical=[town]", "model.hidden=[8]")
    return trained_in(folder, *columns, *QUICK), frame


@pytest.fixture
def told(tmp_path, capsys):
    """``told(run, data, ...)``: the lines on drift that ``foldwise predict`` prints."""

    def call(run, data, *options):
        if isinstance(data, pd.DataFrame):
            data.to_csv(tmp_path / "new.csv", index=False)
            data = tmp_path / "new.csv"
        assert main(["predict", str(run), str(data), "-o", str(tmp_path / "out.csv"), *options]) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if "drift" in line]
        return [line.removeprefix("note: ") for line in lines if line.startswith("note: drift")]

    return call


def test_half_of_the_same_rows_raises_no_warning(people, told, tmp_path):
    run, frame = people
    assert told(run, frame.sample(200, random_state=1), "--drift", str(tmp_path / "page.html")) == []
    assert "no column drifts" in (tmp_path / "page.html").read_text()


def test_each_column_that_drifts_is_told_worst_first_and_on_the_page(people, told, tmp_path):
    run, frame = people
    random = np.random.default_rng(2)
    new = frame.sample(200, random_state=1).assign(height=lambda rows: rows["height"] / 100)
    new["town"] = np.where(random.random(200) < 0.2, "Köln", new["town"])
    new["age"] = np.where(random.random(200) < 0.3, np.nan, new["age"])
    lines = told(run, new, "--drift", str(tmp_path / "page.html"))
    assert [re.search("'(.*?)'", line)[1] for line in lines] == ["height", "age", "town"]
    smallest, down_to = frame["height"].min(), new["height"].min()
    assert f"100 % of the values are below {smallest:g}, the smallest training value (down to {down_to:g})" in lines[0]
    assert re.search(r"PSI \d\.\d\d \(large shift, above 0\.25\), KS 1\.00", lines[0])
    assert f"{new['age'].isna().mean():.0%}".replace("%", " %") + " of the values are missing (0 % in" in lines[1]
    share = f"{(new['town'] == 'Köln').mean():.0%}".replace("%", " %")
    assert f"{share} are categories that no training row had ('Köln')" in lines[2]
    page = (tmp_path / "page.html").read_text()
    assert "3 of 3 columns drift" in page
    assert page.index("<td>height</td>") < page.index("<td>age</td>") < page.index("<td>town</td>")
    assert f"<td>&lt; {smallest:.4g}</td>" in page  # the median of the new rows lies below all training rows
    assert "data:image/png;base64," in page
    assert not re.search(r'(src|href)="(?!data:)', page)  # it needs no other file


def test_a_column_without_any_value(people, told):
    run, frame = people
    lines = told(run, frame.assign(age=np.nan))
    assert lines == ["drift in 'age': 100 % of the values are missing (0 % in training)"]


def test_a_blend_tells_each_column_once_that_its_runs_know_alike(people, told, tmp_path):
    run, frame = people
    options = (
        f"data.path={run.parents[1]}/people.csv",
        "data.categorical=[town]",
        "data.drop=[age]",
        "model.hidden=[8]",
    )
    other = trained_in(tmp_path, "data=csv_tabular", *options, *QUICK)
    assert main(["blend", str(run), str(other), "--out", str(tmp_path / "blend"), "--method", "mean"]) == 0
    new = frame.sample(200, random_state=1).assign(height=lambda rows: rows["height"] / 100, age=5)
    page = tmp_path / "page.html"
    lines = told(tmp_path / "blend", new, "--drift", str(page))
    assert lines == told(run, new)
    assert {re.search("'(.*?)'", line)[1] for line in lines} == {"age", "height"}
    assert "2 of 3 columns drift" in page.read_text()
    assert str(tmp_path / "blend") in page.read_text()


def test_runs_of_a_blend_with_other_training_rows_have_a_column_each():
    common = {"name": "x", "kind": "number", "edges": [0.0, 1.0]}
    statistics = [{**common, "counts": [5, n], "n_present": 5 + n} for n in (5, 9)]
    watches = [Watch({"x": Counted(one)}, frozenset(), n_counted=3, n_rows=4) for one in (*statistics, statistics[0])]
    runs = [Watched(Path(f"runs/{name}"), watch) for name, watch in zip("abc", watches, strict=True)]
    watches[1].columns["x"].add(Measure("x", "number", np.array([0.5, 7.0])))
    whole = united(Path("runs/blend"), [Watched(Path("runs/old"), None, "being of an older Foldwise"), *runs])
    assert list(whole.watch.columns) == ["x", "x (b)"]
    assert (whole.watch.columns["x (b)"].name, whole.watch.columns["x (b)"].above) == ("x (b)", 1)
    assert (whole.watch.n_counted, whole.watch.n_rows, whole.run) == (3, 4, Path("runs/blend"))


def test_predictions_do_not_depend_on_it_and_python_has_it_too(people, told, tmp_path):
    run, frame = people
    new = frame.drop(columns="label").assign(height=lambda rows: rows["height"] + 50)
    watched = fw.open_run(run).predict(new, drift=tmp_path / "page.html")
    assert watched.attrs["drift"][0]["column"] == "height"
    assert [column["drifts"] for column in watched.attrs["drift"]] == [True, False, False]
    assert (tmp_path / "page.html").is_file()
    old = tmp_path / "old"
    shutil.copytree(run, old)
    (old / "training_rows.json").unlink()
    assert told(old, new) == [f"drift is not watched: {old} keeps no training_rows.json, being of an older Foldwise"]
    pd.testing.assert_frame_equal(fw.open_run(old).predict(new), watched)


def test_a_damaged_file_is_told(people, tmp_path, capsys):
    run, frame = people
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / "training_rows.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"n_rows": 3}))
    frame.to_csv(tmp_path / "new.csv", index=False)
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "new.csv"), "-o", str(tmp_path / "o.csv")]) == 4
    assert "training_rows.json is damaged" in capsys.readouterr().err


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_predicted(people, tmp_path, capsys):
    run, frame = people
    frame.to_csv(tmp_path / "new.csv", index=False)
    for page, why in ((tmp_path / "a.txt", "ends in .html"), (tmp_path / "no" / "a.html", "no directory"),
                      (run / "report.html", "lies in a run")):  # fmt: skip
        options = ["-o", str(tmp_path / "o.csv"), "--drift", str(page)]
        assert main(["predict", str(run), str(tmp_path / "new.csv"), *options]) == 2
        assert why in capsys.readouterr().err
    assert not (tmp_path / "o.csv").exists()


def test_texts_in_another_language_and_script(tmp_path, told):
    run = trained_in(tmp_path, *text_options(tmp_path))
    frame = pd.read_csv(tmp_path / "reviews.csv")
    assert told(run, frame.sample(frac=0.5, random_state=0)) == []
    lines = told(run, pd.DataFrame({"text": ["Очень хороший номер и тихий двор"] * 30}))
    assert any("'script'" in line and "Cyrillic" in line for line in lines)
    assert any("'unknown words'" in line for line in lines)
    lines = told(run, pd.DataFrame({"text": ["ein wunderbar ruhiges Zimmer"] * 30}))
    assert any("'unknown words'" in line for line in lines)


def test_images_of_another_size(tmp_path, told):
    run = trained_in(tmp_path, *image_options(tmp_path))
    random, new = np.random.default_rng(0), tmp_path / "new"
    new.mkdir()
    for number in range(20):
        Image.fromarray(random.integers(0, 99, (40, 64, 3)).astype(np.uint8)).save(new / f"{number}.png")
    lines = told(run, new)
    assert any("'width'" in line and "up to 64" in line for line in lines)


def test_tokens_that_a_pretrained_tokenizer_does_not_know(told, tmp_path):
    run = trained_in(tmp_path, *transformer_options(tmp_path))
    texts = pd.read_csv(tmp_path / "reviews.csv").drop(columns="label")
    assert not [line for line in told(run, texts) if "unknown tokens" in line]
    lines = told(run, texts.assign(text=texts["text"] + " zzzqqq ζζζ"))
    assert [line for line in lines if line.startswith("drift in 'unknown tokens': 100 % of the values are above 0")]
