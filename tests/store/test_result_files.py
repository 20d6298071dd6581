import csv
import json
import math
import os
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from trainer.errors import StorageError
from trainer.results import Baseline, Lead
from trainer.store import result_files
from trainer.store.result_files import read_cv_json, read_oof, write_cv_json, write_oof
from trainer.tasks import MULTICLASS, MULTILABEL

KEYS = [
    "n_splits",
    "repeats",
    "task",
    "classes",
    "fingerprint",
    "primary",
    "metrics",
    "optimism",
    "seconds",
    "amp",
    "profile",
    "picked",
    "undefined",
    "positive",
    "n_groups",
    "baselines",
    "seeds",
]


def test_cv_json_has_exactly_these_keys(fake_result, tmp_path):
    result, _, _ = fake_result(monitored=True)
    write_cv_json(tmp_path / "cv.json", result)
    saved = json.loads((tmp_path / "cv.json").read_text())
    assert list(saved) == KEYS
    assert list(saved["metrics"]["accuracy"]) == ["folds", "mean", "sd", "oof", "ci95"]
    assert saved["metrics"]["accuracy"]["oof"] == result.metrics["accuracy"].oof
    assert read_cv_json(tmp_path / "cv.json").metrics == result.metrics


def test_baselines_are_read_back(fake_result, tmp_path):
    undefined = Lead((math.nan,), math.nan, 0.0, math.nan)
    summary = fake_result()[0].metrics["accuracy"]
    linear = Baseline(
        "ridge", {"a": summary}, {"a": Lead((0.5, 0.25), 0.375, 0.1, 0.3, (0.1, 0.4)), "b": undefined}, 1.5
    )
    result = replace(fake_result()[0], baselines={"linear": linear, "boosting": Baseline("trees", skipped="too long")})
    write_cv_json(tmp_path / "cv.json", result)
    back = read_cv_json(tmp_path / "cv.json").baselines
    assert back["boosting"] == result.baselines["boosting"]
    assert back["linear"].metrics == linear.metrics
    assert back["linear"].lead["a"] == linear.lead["a"]
    assert math.isnan(back["linear"].lead["b"].folds[0])
    assert math.isnan(back["linear"].lead["b"].oof)


def test_cv_json_writes_nan_as_null_and_reads_it_back(fake_result, tmp_path):
    result, _, _ = fake_result()
    undefined = replace(result.metrics["roc_auc"], folds=(math.nan, 0.5, math.inf), mean=math.nan, ci95=None)
    result = replace(
        result, metrics={"roc_auc": undefined}, optimism={"roc_auc": math.nan}, amp={"scale": np.float32(2)}
    )
    write_cv_json(tmp_path / "cv.json", result)
    saved = json.loads((tmp_path / "cv.json").read_text(), parse_constant=pytest.fail)
    assert saved["metrics"]["roc_auc"]["folds"] == [None, 0.5, None]
    assert saved["optimism"] == {"roc_auc": None}
    assert saved["amp"] == {"scale": 2.0}
    back = read_cv_json(tmp_path / "cv.json")
    assert math.isnan(back.metrics["roc_auc"].mean)
    assert back.metrics["roc_auc"].ci95 is None
    assert back.classes == result.classes


def test_oof_columns_and_round_trip(fake_result, tmp_path):
    _, oof, _ = fake_result(repeats=2)
    write_oof(tmp_path, oof, ("a", "b", "c"), MULTICLASS)
    table = pq.read_table(tmp_path / "oof.parquet")
    expected = ["id", "fold", "repeat", "target", "proba_a", "proba_b", "proba_c"]
    assert table.column_names == [*expected, "logit_0", "logit_1", "logit_2", "loss"]
    assert json.loads(table.schema.metadata[b"classes"]) == ["a", "b", "c"]
    back = read_oof(tmp_path / "oof.parquet")
    for name, value in vars(oof).items():
        assert np.array_equal(getattr(back, name), value), name
        assert value is None or getattr(back, name).dtype.kind == value.dtype.kind, name


def test_multilabel_has_one_target_column_per_label(fake_result, tmp_path):
    _, oof, _ = fake_result(MULTILABEL, ("happy", "sad"))
    write_oof(tmp_path, oof, ("happy", "sad"), MULTILABEL)
    table = pq.read_table(tmp_path / "oof.parquet")
    assert "target" not in table.column_names
    assert table["target_sad"].to_pylist() == oof.target[:, 1].tolist()
    assert np.array_equal(read_oof(tmp_path / "oof.parquet").target, oof.target)


def test_duplicate_column_names_get_a_number(fake_result, tmp_path):
    _, oof, _ = fake_result()
    write_oof(tmp_path, oof, ("x", "x", "x_2"), MULTICLASS)
    names = pq.read_table(tmp_path / "oof.parquet").column_names
    assert names[4:7] == ["proba_x", "proba_x_2", "proba_x_2_2"]


def test_same_rows_same_bytes(fake_result, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        _, oof, _ = fake_result()
        write_oof(tmp_path / name, oof, ("a", "b", "c"), MULTICLASS)
    for file in ("oof.parquet", "oof.csv"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_csv_disarms_harmful_ids_and_leaves_numbers_alone(fake_result, tmp_path):
    _, oof, _ = fake_result()
    nasty = ["=A(1)", "+a|b", "-b!c", "@c(1)", "\tx", "\ry", "plain", '"quoted", 中文', "a=b"]
    oof = replace(oof, ids=np.array([*nasty, *oof.ids[len(nasty) :]]))
    write_oof(tmp_path, oof, ("a", "b", "c"), MULTICLASS)
    with (tmp_path / "oof.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows[: len(nasty)]] == [*("'" + text for text in nasty[:6]), *nasty[6:]]
    logits = [float(row["logit_0"]) for row in rows]
    assert min(logits) < 0  # a negative number starts with - and stays a number
    assert logits == pytest.approx(oof.logits[:, 0].tolist())
    assert pq.read_table(tmp_path / "oof.parquet")["id"].to_pylist()[: len(nasty)] == nasty


@pytest.mark.parametrize("n_rows", [0, 1, 30, 31, 89])
def test_very_many_rows_are_written_a_part_at_a_time_and_to_the_same_bytes(fake_result, tmp_path, monkeypatch, n_rows):
    result, whole, _ = fake_result()
    ids = np.array([f"row{i}" if i != 40 else "=1+1" for i in range(90)])
    oof = replace(
        whole, **{name: values[:n_rows] for name, values in {**vars(whole), "ids": ids}.items() if name != "group"}
    )
    write_oof(tmp_path, oof, result.classes, MULTICLASS)
    table = result_files.oof_table(oof, result.classes, MULTICLASS)
    pq.write_table(table, tmp_path / "groups.parquet", compression="zstd", row_group_size=30)

    monkeypatch.setattr(result_files, "ROWS_AT_A_TIME", 30)
    write_oof(tmp_path, oof, result.classes, MULTICLASS, stem="parts")
    assert (tmp_path / "parts.parquet").read_bytes() == (tmp_path / "groups.parquet").read_bytes()
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "oof.csv").read_bytes()


def test_a_disk_that_is_full_while_parts_are_written_leaves_nothing(fake_result, tmp_path, monkeypatch):
    result, oof, _ = fake_result()
    monkeypatch.setattr(result_files, "ROWS_AT_A_TIME", 30)
    real, written = os.write, []

    def write(descriptor, data):
        written.append(len(data))
        if len(written) > 3:
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(StorageError, match="out-of-fold predictions"):
        write_oof(tmp_path, oof, result.classes, MULTICLASS)
    assert list(tmp_path.iterdir()) == []
