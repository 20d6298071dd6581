"""New rows through the folds of a run: every kind of row, and what a later file does differently."""

import csv
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from scipy.stats import entropy, rankdata

import trainer as fw
from tests.api.api_cases import QUICK as FROM_PYTHON
from tests.api.api_cases import X, Y
from tests.inference.run_cases import (
    image_options,
    multilabel_options,
    regression_options,
    table_options,
    text_options,
    trained_in,
    transformer_options,
    write_rows,
)
from trainer.cli.main import main
from trainer.errors import DataError
from trainer.inference.fold_model import load_fold_model
from trainer.inference.predictor import open_predictor
from trainer.inference.trained import open_trained


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """``runs(options, *more)``: a run of that kind, trained once for this module."""
    made: dict[str, Path] = {}

    def run(options, *more):
        key = f"{options.__name__} {more}"
        if key not in made:
            folder = tmp_path_factory.mktemp("runs")
            made[key] = trained_in(folder, *options(folder), *more)
        return made[key]

    return run


@pytest.fixture
def predict(tmp_path, capsys):
    """``predict(run, data, ...)``: the table that is written, and what is printed; ``code`` where it is no 0."""

    def call(run, data, *options, output="out.csv", code=0):
        found = main(["predict", str(run), str(data), "-o", str(tmp_path / output), *options])
        printed = capsys.readouterr()
        assert found == code, printed.err
        if code:
            assert not (tmp_path / output).exists()
            assert not list(tmp_path.glob("*.tmp.*"))
            return printed.err
        read = pd.read_parquet if output.endswith("parquet") else pd.read_csv
        return read(tmp_path / output), printed.out

    return call


def folder_of(run: Path) -> Path:
    return run.parents[1]


def new_table(folder: Path, path: Path, **changes) -> pd.DataFrame:
    """Rows like those of the run under ids of their own, as text; a change is a function of the frame's column."""
    frame = pd.read_csv(folder / "table.csv", dtype=str, keep_default_na=False)
    frame["key"] = "n" + frame["key"]
    for name, change in changes.items():
        frame[name] = change(frame[name])
    frame.to_csv(path, index=False)
    return frame


def larger(sizes: pd.Series) -> pd.Series:
    """Sizes that no row has."""
    return pd.to_numeric(sizes).fillna(0) + 0.515625


def by_hand(run: Path, frame: pd.DataFrame) -> np.ndarray:
    """Mean over the folds of the softmax of each model on rows imputed, scaled and numbered by what it fitted."""
    import json

    found = []
    opened = open_trained(run)
    for fold in (0, 1):
        fitted = json.loads((run / f"fold_{fold}/preprocess.json").read_text())
        size = pd.to_numeric(frame["size"], errors="coerce").to_numpy(np.float64)
        share = frame["share"].str.rstrip("%").astype(float).to_numpy()
        numbers = np.stack([np.where(np.isnan(size), fitted["medians"][0], size), share], axis=1)
        scaled = (numbers - fitted["means"]) / fitted["scales"]
        flagged = np.concatenate([scaled, np.isnan(size)[:, None]], axis=1)
        words = {word: place + 2 for place, word in enumerate(fitted["categories"][0])}
        category = np.array([words.get(word, 0) for word in frame["colour"]])
        model = load_fold_model(opened, fold).model.eval()
        with torch.no_grad():
            logits = model(numeric=torch.from_numpy(flagged).float(), categorical=torch.from_numpy(category)[:, None])
        found.append(logits.softmax(1).numpy())
    return np.stack(found)


def test_a_table_is_predicted_as_each_fold_s_parts_say(runs, predict, tmp_path):
    run = runs(table_options)
    frame = new_table(folder_of(run), tmp_path / "new.csv")
    out, printed = predict(run, tmp_path / "new.csv")
    proba_KNC = by_hand(run, frame)
    expected = proba_KNC.mean(0)
    assert list(out.columns) == ["id", "prediction", "proba_no", "proba_yes", "spread", "entropy"]
    assert list(out["id"]) == list(frame["key"])
    np.testing.assert_allclose(out[["proba_no", "proba_yes"]], expected, atol=1e-6)
    np.testing.assert_allclose(out["spread"], proba_KNC.std(0).max(1), atol=1e-6)
    np.testing.assert_allclose(out["entropy"], entropy(expected, axis=1), atol=1e-5)
    assert list(out["prediction"]) == [("no", "yes")[place] for place in expected.argmax(1)]
    share_right = (out["prediction"] == frame["label"]).mean()
    assert f"scores of 40 rows with a label: accuracy ↑ {share_right:.4f}" in printed
    assert "40 rows, by folds 0,1" in printed


SAME = {
    "other order": lambda frame: frame[frame.columns[::-1]],
    "more columns, no label": lambda frame: frame.drop(columns="label").assign(more=1, zero=0.0),
    "a percentage without its sign": lambda frame: frame.assign(share=frame["share"].str.rstrip("%")),
    "a decimal comma, sure": lambda frame: frame.assign(size=frame["size"].str.replace(".", ",")),
    "spaces around": lambda frame: frame.assign(colour=" " + frame["colour"] + " ", size=frame["size"] + " "),
    "NA for nothing": lambda frame: frame.assign(size=frame["size"].replace("", "NA")),
}


@pytest.mark.parametrize("change", SAME)
def test_what_means_the_same_is_predicted_the_same(runs, predict, tmp_path, change):
    run = runs(table_options)
    frame = new_table(folder_of(run), tmp_path / "new.csv")
    first, _ = predict(run, tmp_path / "new.csv")
    SAME[change](frame).to_csv(tmp_path / "other.csv", index=False)
    second, printed = predict(run, tmp_path / "other.csv", output="second.csv")
    pd.testing.assert_frame_equal(first, second)
    assert ("column 'size' holds numbers with a decimal comma, in the run's data numbers" in printed) == (
        change == "a decimal comma, sure"
    )


def test_types_of_a_parquet_file_do_not_matter(runs, predict, tmp_path):
    run = runs(table_options)
    frame = new_table(folder_of(run), tmp_path / "new.csv")
    first, _ = predict(run, tmp_path / "new.csv")
    typed = frame.assign(
        size=pd.to_numeric(frame["size"]).astype("float64"),
        share=pd.to_numeric(frame["share"].str.rstrip("%")),
        colour=frame["colour"].astype("category"),
    )
    typed.to_parquet(tmp_path / "new.parquet", index=False)
    second, _ = predict(run, tmp_path / "new.parquet", output="out.parquet")
    np.testing.assert_allclose(first["proba_yes"], second["proba_yes"], atol=1e-6)
    assert list(first["prediction"]) == list(second["prediction"])


def write_numbered(path: Path, column: list[object]) -> Path:
    random = np.random.default_rng(0)
    rows = [[word, f"{random.normal():.3f}", ("a", "b")[number % 2]] for number, word in enumerate(column)]
    return write_rows(path, [["kind", "x", "label"], *rows])


@pytest.mark.parametrize(
    ("trained_on", "later", "unseen"),
    [
        (["1", "2", "3"], pa.array([1.0, 2.0, 3.0] * 4), 0),
        (["1", "2", "3"], pa.array(["1.0", "2.0", "3.0"] * 4), 0),
        (["1", "2", "3"], pa.array([1.0, 2.0, 1.5] * 4), 4),
        (["1.0", "2.0", "2.5"], pa.array([1, 2, 2] * 4), 0),
        (["True", "False", "True"], pa.array([True, False, True] * 4), 0),
        (["01", "02", "03"], pa.array([1, 2, 3] * 4), 12),
        (["red", "blue", "red"], pa.array(["Red", "blue", "red"] * 4), 4),
    ],
)
def test_a_category_is_known_by_what_it_is_not_by_its_type(predict, tmp_path, trained_on, later, unseen):
    from tests.inference.run_cases import QUICK

    path = write_numbered(tmp_path / "first.csv", trained_on * 4)
    run = trained_in(
        tmp_path, "data=csv_tabular", f"data.path={path}", "data.categorical=[kind]", "model.hidden=[4]", *QUICK
    )
    text = pd.read_csv(path, dtype=str)
    same, _ = predict(run, path)
    table = pa.table({"kind": later, "x": pa.array(text["x"].astype(float))})
    pq.write_table(table, tmp_path / "later.parquet")
    out, printed = predict(run, tmp_path / "later.parquet", output="later.csv")
    if unseen:
        assert f"column 'kind': categories that are new to the run, in {unseen} rows" in printed
        assert "(the run knows '" in printed or trained_on[0] == "1"
    else:
        assert "new to the run" not in printed
        expected = same["proba_b"] if trained_on[2] != "2.5" else None
        if expected is not None:
            np.testing.assert_allclose(out["proba_b"], expected, atol=1e-6)


REFUSED = {
    "a missing and a renamed column": (
        lambda frame: frame.drop(columns="share").rename(columns={"colour": "Ｃｏｌｏｒ"}),
        "2 of the 4 columns the run needs are missing: 'share', 'colour' (here 'Ｃｏｌｏｒ'?)",
    ),
    "text where numbers were": (
        lambda frame: frame.assign(size=["abc", *frame["size"][1:]]),
        "column 'size' row 1 'abc' is not as the run's numbers",
    ),
    "a comma that may be either": (
        lambda frame: frame.assign(size="1,234"),
        "column 'size' row 1 '1,234' is not as the run's numbers (40 such cells): write it with a point",
    ),
    "dates where numbers were": (
        lambda frame: frame.assign(size="2024-01-31"),
        "row 1 '2024-01-31' is not as the run's",
    ),
    "infinite": (lambda frame: frame.assign(size=["inf", *frame["size"][1:]]), "column 'size' row 1 is infinite"),
    "no rows": (lambda frame: frame[:0], "no rows, only the header"),
    "ids twice": (
        lambda frame: frame.assign(key=["n1", "n2", *frame["key"][:37], "n2"]),
        "duplicate id 'n2' in column 'key'",
    ),
    "an id missing": (lambda frame: frame.assign(key=["", *frame["key"][1:]]), "no id in column 'key' in row 1"),
    "no column of ids": (lambda frame: frame.drop(columns="key"), "--id none numbers the rows"),
    "too large": (lambda frame: frame.assign(size=["1e300", *frame["size"][1:]]), "is too large"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_predicted_is_named_and_nothing_is_written(runs, predict, tmp_path, kind):
    run = runs(table_options)
    change, message = REFUSED[kind]
    change(new_table(folder_of(run), tmp_path / "new.csv")).to_csv(tmp_path / "new.csv", index=False)
    err = predict(run, tmp_path / "new.csv", code=3)
    assert message in err
    assert len(err.splitlines()) <= 5
    assert "data." not in err.replace("data error", "")


def test_files_and_options_that_cannot_be_used_are_named(runs, predict, tmp_path):
    run = runs(table_options)
    frame = new_table(folder_of(run), tmp_path / "new.csv")
    (tmp_path / "empty.csv").write_text("")
    assert "the file is empty" in predict(run, tmp_path / "empty.csv", code=3)
    assert "there is no directory" in predict(run, tmp_path / "new.csv", output="no/out.csv", code=2)
    assert "give a name that ends in" in predict(run, tmp_path / "new.csv", output="out.xlsx", code=2)
    assert "lies in a run directory" in predict(run, tmp_path / "new.csv", output=str(run / "out.csv"), code=2)
    assert "no fold 7; it has 0 to 1" in predict(run, tmp_path / "new.csv", "--folds", "0,7", code=2)
    assert "cv.fold=all fits one" in predict(run, tmp_path / "new.csv", "--model", "all", code=4)
    assert "give one of proba, logits, ranks" in predict(run, tmp_path / "new.csv", "--average", "mode", code=2)
    assert "would be replaced" in predict_onto_itself(run, tmp_path / "new.csv")
    assert list(pd.read_csv(tmp_path / "new.csv", dtype=str)["key"]) == list(frame["key"])


def predict_onto_itself(run, data):
    import contextlib
    import io

    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        assert main(["predict", str(run), str(data), "-o", str(data)]) == 3
    return err.getvalue()


def test_averages_of_logits_and_of_ranks(runs, predict, tmp_path):
    run = runs(table_options)
    frame = new_table(folder_of(run), tmp_path / "new.csv")
    proba_KNC = by_hand(run, frame)
    out, _ = predict(run, tmp_path / "new.csv", "--average", "logits")
    logits = np.log(proba_KNC).mean(0)  # the softmax takes no notice of what is added to all
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(out[["proba_no", "proba_yes"]], expected, atol=1e-6)
    out, _ = predict(run, tmp_path / "new.csv", "--average", "ranks", output="ranks.csv")
    ranks = np.mean([rankdata(proba_NC[:, 1]) / 40 for proba_NC in proba_KNC], axis=0)
    np.testing.assert_allclose(out["rank_yes"], ranks, atol=0.026)  # equal probabilities may be 1e-7 apart
    out, _ = predict(run, tmp_path / "new.csv", "--folds", "1", output="one.csv")
    np.testing.assert_allclose(out["proba_yes"], proba_KNC[1, :, 1], atol=1e-6)
    assert (out["spread"] == 0).all()


def test_labels_of_the_new_file(runs, predict, tmp_path):
    run = runs(table_options)
    new_table(folder_of(run), tmp_path / "new.csv", label=lambda labels: ["YES ", "maybe", "", *labels[3:]])
    _, printed = predict(run, tmp_path / "new.csv")
    assert "1 label is none of the run's ('maybe'; the run has no, yes): not scored" in printed
    assert "scores of 38 rows with a label" in printed
    new_table(folder_of(run), tmp_path / "new.csv", label=lambda labels: "yes")
    _, printed = predict(run, tmp_path / "new.csv", output="second.csv")
    assert "scores of 40 rows with a label: accuracy" in printed


def test_rows_of_the_run_itself_are_told(runs, predict, tmp_path):
    run = runs(table_options)
    _, printed = predict(run, folder_of(run) / "table.csv")
    assert "warning: 40 ids are of rows that the run was trained on: their predictions" in printed
    new_table(folder_of(run), tmp_path / "new.csv", key=lambda keys: keys.str[1:], size=larger)
    _, printed = predict(run, tmp_path / "new.csv", output="other.csv")
    assert "40 ids are of rows that the run was trained on, but no row here holds what one there does" in printed


def test_rows_of_the_run_without_ids_are_told_by_their_file_or_their_labels(runs, predict, tmp_path):
    run = runs(table_options, "data.id=null", "data.drop=[key]")
    _, printed = predict(run, folder_of(run) / "table.csv")
    assert "table.csv is the file that the run was trained on: their predictions" in printed.replace("\n", " ")
    frame = pd.read_csv(folder_of(run) / "table.csv", dtype=str, keep_default_na=False)
    frame.to_csv(tmp_path / "copy.csv", index=False)
    _, printed = predict(run, tmp_path / "copy.csv", output="copy_out.csv")
    assert "40 of 40 rows hold what a row holds that the run was trained on" in printed
    frame.assign(size=larger(frame["size"])).to_csv(tmp_path / "changed.csv", index=False)
    _, printed = predict(run, tmp_path / "changed.csv", output="changed_out.csv")
    assert "the labels are, row by row, those of the rows that the run was trained on" in printed
    frame[::-1].head(30).to_csv(tmp_path / "other.csv", index=False)
    _, printed = predict(run, tmp_path / "other.csv", output="other_out.csv")
    assert "30 of 30 rows hold what a row holds that the run was trained on" in printed
    frame.assign(size=larger(frame["size"]))[::-1].to_csv(tmp_path / "new.csv", index=False)
    _, printed = predict(run, tmp_path / "new.csv", output="new_out.csv")
    assert "trained on" not in printed


def test_ids_keep_their_zeros(runs, predict, tmp_path):
    run = runs(table_options)
    new_table(folder_of(run), tmp_path / "new.csv", key=lambda ids: [f"{number:04}" for number in range(len(ids))])
    out, _ = predict(run, tmp_path / "new.csv", output="out.parquet")
    assert out["id"].tolist() == [f"{number:04}" for number in range(40)]
    write_rows(tmp_path / "sample.csv", [["key", "p"], ["0007", 0.5], ["0000", 0.5]])
    predict(run, tmp_path / "new.csv", "--submission", str(tmp_path / "sample.csv"), output="mine.csv")
    assert pd.read_csv(tmp_path / "mine.csv", dtype=str)["key"].tolist() == ["0007", "0000"]
    write_rows(tmp_path / "sample.csv", [["key", "p"], ["7", 0.5]])
    err = predict(run, tmp_path / "new.csv", "--submission", str(tmp_path / "sample.csv"), output="no.csv", code=3)
    assert "1 of its 1 ids has no prediction: '7' (here '0007': zeros in front)" in err


def test_numbers_are_in_the_unit_of_the_target(runs, predict, tmp_path):
    run = runs(regression_options)
    new_table(folder_of(run), tmp_path / "new.csv")
    out, printed = predict(run, tmp_path / "new.csv")
    assert list(out.columns) == ["id", "prediction", "spread"]
    predictor = open_predictor(run)
    prices = pd.read_csv(folder_of(run) / "table.csv")["price"]
    assert abs(out["prediction"].mean() - prices.mean()) < prices.std()
    assert {model.scale.sd > 1 for model in predictor.models} == {True}
    rmse = np.sqrt(np.mean((out["prediction"] - prices) ** 2))
    assert float(printed.split("RMSE ↓ ")[1].split()[0]) == pytest.approx(rmse, abs=1e-4)
    assert "the run predicts numbers" in predict(
        run, tmp_path / "new.csv", "--average", "logits", output="x.csv", code=2
    )


def test_several_labels_are_written_as_the_run_s_data_has_them(runs, predict):
    run = runs(multilabel_options)
    out, _ = predict(run, folder_of(run) / "tags.csv")
    probabilities = out[["proba_blue", "proba_green", "proba_red"]].to_numpy()
    words = ["|".join(np.array(["blue", "green", "red"])[row > 0.5]) for row in probabilities]
    assert list(out["prediction"].fillna("")) == words
    assert out["id"].tolist() == list(range(40))


def test_texts_empty_ones_and_another_order_of_the_rows(runs, predict, tmp_path):
    run = runs(text_options)
    lines = (folder_of(run) / "reviews.csv").read_text().splitlines()
    texts = [row[0] for row in csv.reader(lines[1:])]
    write_rows(tmp_path / "new.csv", [["text"], *[[text] for text in [*texts, ""]]])
    out, printed = predict(run, tmp_path / "new.csv")
    assert len(out) == len(texts) + 1
    write_rows(tmp_path / "back.csv", [["text"], *[[text] for text in ["", *texts[::-1]]]])
    back, _ = predict(run, tmp_path / "back.csv", output="back_out.csv")
    np.testing.assert_allclose(out["proba_good"], back["proba_good"][::-1], atol=1e-6)
    assert "scores of" not in printed
    assert "unknown" not in printed
    write_rows(tmp_path / "new.csv", [["text"], *[[text] for text in [*texts[:4], "", "zzz qqq", "xxx"]]])
    _, printed = predict(run, tmp_path / "new.csv", output="strange.csv")
    assert "in 2 of 7 texts half of the words or more are unknown to the run" in printed


def test_a_pretrained_model_needs_no_directory_and_its_frozen_body_runs_once(runs, predict, monkeypatch, tmp_path):
    run = runs(transformer_options, "fit.freeze_epochs=all")
    shutil.rmtree(folder_of(run) / "bert")
    calls = []
    import trainer.inference.predictor as module

    encode = module.encode
    monkeypatch.setattr(module, "encode", lambda *args: calls.append(1) or encode(*args))
    out, _ = predict(run, folder_of(run) / "reviews.csv")
    assert len(calls) == 1
    one, _ = predict(run, folder_of(run) / "reviews.csv", "--folds", "0", output="one.csv")
    assert not np.allclose(out["proba_good"], one["proba_good"])


def test_images_of_a_folder_without_classes_and_one_that_is_broken(runs, predict, tmp_path):
    run = runs(image_options)
    new = tmp_path / "new"
    new.mkdir()
    for number, file in enumerate(sorted((folder_of(run) / "pictures").rglob("*.png"))):
        shutil.copy(file, new / f"{number:02}.png")
    out, printed = predict(run, new)
    assert list(out["id"]) == [f"{number:02}.png" for number in range(16)]
    assert "scores" not in printed
    labelled, printed = predict(run, folder_of(run) / "pictures", output="labelled.csv")
    np.testing.assert_allclose(out["proba_dog"], labelled["proba_dog"], atol=1e-6)
    assert "scores of 16 rows with a label" in printed
    (new / "03.png").write_bytes(b"no image")
    assert "row 4" in predict(run, new, output="broken.csv", code=3)
    out, printed = predict(run, new, "--skip-broken", output="skipped.csv")
    assert f"no prediction for row 4, {new}/03.png" in printed
    assert out["prediction"].isna().tolist() == [number == 3 for number in range(16)]
    assert np.isnan(out["proba_dog"][3])
    np.testing.assert_allclose(out["proba_dog"][4:], labelled["proba_dog"][4:], atol=1e-6)


def test_images_that_a_table_names(runs, predict, tmp_path):
    run = runs(image_options)
    Image.new("RGB", (8, 8), "red").save(tmp_path / "one.png")
    write_rows(tmp_path / "new.csv", [["picture"], ["one.png"]])
    out, _ = predict(run, tmp_path / "new.csv", "--file", "picture")
    assert len(out) == 1
    write_rows(tmp_path / "new.csv", [["picture"], ["two.png"]])
    assert "row 1 'two.png': no such file" in predict(
        run, tmp_path / "new.csv", "--file", "picture", output="x.csv", code=3
    )


@pytest.mark.parametrize(
    ("header", "value", "column", "said"),
    [
        (("key", "label"), "no", "prediction", "labels (--fill proba writes probabilities)"),
        (("key", "anything"), "0.5", "proba_yes", "the probability of 'yes'"),
        (("key", "no", "yes"), "0", "proba_no", "probabilities, a column for each class"),
    ],
)
def test_a_competition_s_file_is_filled(runs, predict, tmp_path, header, value, column, said):
    run = runs(table_options)
    frame = new_table(folder_of(run), tmp_path / "new.csv")
    ids = list(frame["key"][::-1][:30])
    write_rows(tmp_path / "sample.csv", [list(header), *[[name, *[value] * (len(header) - 1)] for name in ids]])
    out, _ = predict(run, tmp_path / "new.csv")
    mine, printed = predict(run, tmp_path / "new.csv", "--submission", str(tmp_path / "sample.csv"), output="mine.csv")
    assert said in printed
    assert tuple(mine.columns) == header
    assert list(mine["key"]) == ids
    expected = out.set_index("id").loc[ids, column].tolist()
    found = mine[header[1]].tolist()
    assert found == expected if column == "prediction" else np.allclose(found, expected, atol=1e-6)
    write_rows(tmp_path / "sample.csv", [list(header), ["elsewhere", *[value] * (len(header) - 1)]])
    err = predict(run, tmp_path / "new.csv", "--submission", str(tmp_path / "sample.csv"), output="no.csv", code=3)
    assert "1 of its 1 ids has no prediction: 'elsewhere'" in err


def test_a_run_without_weights_or_with_folds_missing_says_what_to_do(train, tmp_path, capsys):
    options = table_options(tmp_path)
    assert train(*options, "checkpoint.save_weights=false").code == 0
    assert main(["predict", "runs/a", "table.csv", "-o", "out.csv"]) == 4
    assert "saved without weights (checkpoint.save_weights=false)" in capsys.readouterr().err
    assert train(*options[:-1], "run=b", "cv.fold=1").code == 0
    assert main(["predict", "runs/b", "table.csv", "-o", "out.csv"]) == 4
    err = capsys.readouterr().err
    assert "1 of 2 folds are not finished: 0" in err
    assert "cv.fold=0" in err
    assert "or predict with those that are finished: --folds 1" in err
    assert main(["predict", "runs/b", "table.csv", "-o", "out.csv", "--folds", "1"]) == 0
    assert train(*options[:-1], "run=b", "cv.fold=all").code == 0
    assert main(["predict", "runs/b", "table.csv", "-o", "all.csv", "--model", "all"]) == 0
    assert "by fold all" in capsys.readouterr().out


def test_a_full_disk_leaves_nothing_and_an_interrupt_keeps_what_was_done(runs, predict, tmp_path, monkeypatch):
    run = runs(table_options)
    new_table(folder_of(run), tmp_path / "new.csv")
    monkeypatch.setattr("trainer.inference.new_rows.BLOCK_ROWS", {"table": 16})
    import trainer.inference.output as module

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_close", full)
        assert "disk full" in predict(run, tmp_path / "new.csv", code=6)
    import trainer.inference.predict as whole

    averaged, calls = whole.averaged, []

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return averaged(*args)

    monkeypatch.setattr(whole, "averaged", interrupted)
    err = predict(run, tmp_path / "new.csv", code=130)
    assert f"the rows predicted so far are in {tmp_path}/out.partial.csv, not in {tmp_path}/out.csv" in err
    assert len(pd.read_csv(tmp_path / "out.partial.csv")) == 32


def test_blocks_say_the_same_as_the_whole(runs, predict, tmp_path, monkeypatch):
    run = runs(table_options)
    new_table(folder_of(run), tmp_path / "new.csv")
    whole, _ = predict(run, tmp_path / "new.csv")
    monkeypatch.setattr("trainer.inference.new_rows.BLOCK_ROWS", {"table": 7})
    parts, _ = predict(run, tmp_path / "new.csv", output="parts.csv")
    pd.testing.assert_frame_equal(whole, parts, atol=1e-6)
    monkeypatch.setattr("trainer.inference.table_blocks.LEAST_BYTES", 1)
    streamed, _ = predict(run, tmp_path / "new.csv", output="streamed.csv")
    pd.testing.assert_frame_equal(whole, streamed, atol=1e-6)
    pd.read_csv(tmp_path / "new.csv").to_parquet(tmp_path / "new.parquet", index=False)
    parquet, _ = predict(run, tmp_path / "new.parquet", output="parquet.csv")
    pd.testing.assert_frame_equal(whole, parquet, atol=1e-6)
    lines = (tmp_path / "new.csv").read_text().splitlines()
    (tmp_path / "new.csv").write_text(
        "\n".join([*lines[:30], lines[30].replace(lines[30].split(",")[1], "abc", 1), *lines[31:]]) + "\n"
    )
    assert "column 'size' row 30" in predict(run, tmp_path / "new.csv", output="odd.csv", code=3)


def test_rows_of_a_program(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = fw.cross_validate((X, Y), model="mlp", run="a", **FROM_PYTHON)
    out = run.predict(X)
    assert list(out["id"]) == [str(row) for row in range(len(X))]
    one = run.predict(X[3:4])
    np.testing.assert_allclose(one["proba_pos"], out["proba_pos"][3:4], atol=1e-6)
    named = run.predict(pd.DataFrame(X[:, ::-1], columns=["x2", "x1", "x0"]))
    np.testing.assert_allclose(named["proba_pos"], out["proba_pos"], atol=1e-6)
    with pytest.raises(DataError, match="have 2 columns, the run was trained on 3 columns of numbers"):
        run.predict(X[:, :2])
    table = fw.open_run(runs(table_options))
    frame = new_table(folder_of(table.path), tmp_path / "new.csv")
    assert table.predict(frame)["prediction"].tolist() == table.predict(tmp_path / "new.csv")["prediction"].tolist()
    words = fw.open_run(runs(text_options)).predict(["clean room", "rude staff"], folds=[0])
    assert len(words) == 2


def test_arrays_of_any_shape(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).normal(size=(20, 1, 4, 4)).astype(np.float32)
    run = fw.cross_validate((pixels, Y[:20]), model="image_cnn", run="a", **FROM_PYTHON)
    checks = run.verify((pixels, Y[:20]))
    assert max(check.largest for check in checks) == 0
    assert len(run.predict(pixels[:5])) == 5
    with pytest.raises(DataError, match="the rows have the shapes"):
        run.predict(pixels[:, :, :2])


def test_the_ids_of_a_competition_are_found_where_the_run_has_none(runs, predict, tmp_path):
    run = runs(table_options, "data.id=null", "data.drop=[key]")
    frame = new_table(folder_of(run), tmp_path / "new.csv").sample(frac=1, random_state=0)
    frame["key"] = range(len(frame))  # looks like the numbers of the rows
    frame = frame.sample(frac=1, random_state=1)
    frame.to_csv(tmp_path / "new.csv", index=False)
    write_rows(tmp_path / "sample.csv", [["key", "p"], *[[number, 0.5] for number in range(20)]])
    plain, _ = predict(run, tmp_path / "new.csv")
    mine, _ = predict(run, tmp_path / "new.csv", "--submission", str(tmp_path / "sample.csv"), output="mine.csv")
    expected = plain["proba_yes"].set_axis(frame["key"]).loc[list(range(20))]
    assert np.allclose(mine["p"], expected, atol=1e-6)
    write_rows(tmp_path / "sample.csv", [["row", "p"], *[[number, 0.5] for number in range(20)]])
    err = predict(run, tmp_path / "new.csv", "--submission", str(tmp_path / "sample.csv"), output="no.csv", code=3)
    assert "the data has no column 'row'" in err
