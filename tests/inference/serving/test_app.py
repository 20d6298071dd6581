"""A real client asks a real server: what it answers is what ``foldwise predict`` writes, and what it refuses."""

import csv
import io
import json
import shutil
import socket
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.inference.run_cases import (
    image_options,
    multilabel_options,
    regression_options,
    table_options,
    text_options,
    trained_in,
)
from tests.inference.serving.serving_cases import opened, serving, until
from trainer.cli.main import main as foldwise
from trainer.errors import CheckpointError
from trainer.inference.serving import app
from trainer.inference.serving.limits import Limits
from trainer.store.result_files import read_cv_json

pytestmark = pytest.mark.usefixtures("without_pictures")
HERE = "cv.parallel=1"  # a process is not forked beside a server's threads, and starts slowly
ROW = {"size": 0.5, "share": "12.5%", "colour": "red"}
OPTIONS = {
    "table": table_options,
    "text": text_options,
    "image": image_options,
    "multilabel": multilabel_options,
    "regression": regression_options,
}
FILES = {"table": "table.csv", "text": "reviews.csv", "image": "pictures", "multilabel": "tags.csv"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """``runs("text")``: the folder of a run of that kind, trained once."""
    made = {}

    def folder(kind):
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind)
            trained_in(made[kind], *OPTIONS[kind](made[kind]), HERE)
        return made[kind]

    return folder


@pytest.fixture(scope="module")
def table(runs):
    """A client of a server of the table."""
    with serving(opened(runs("table") / "runs/a")) as client:
        yield client


@pytest.fixture(scope="module")
def images(runs):
    with serving(opened(runs("image") / "runs/a"), Limits(max_rows=20, max_pixels=100)) as client:
        yield client


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def ask(client, data, query=""):
    """What is answered to rows, or to a directory of images."""
    if isinstance(data, list | dict):
        answer = client.post(f"/predict{query}", json=data)
    else:
        files = [("file", (file.name, file.read_bytes())) for file in sorted(data.rglob("*.png"))]
        answer = client.post(f"/predict{query}", files=files)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def written(run, data, tmp_path, *options):
    """What ``foldwise predict`` writes, row by row."""
    assert foldwise(["predict", str(run), str(data), "-o", str(tmp_path / "out.parquet"), *options]) == 0
    return pd.read_parquet(tmp_path / "out.parquet").to_dict("records")


def require_same(answers, rows, numbers=np.float32):
    """To the last bit of the float32 that a file holds, of numbers of the float64."""
    assert len(answers) == len(rows)
    for answer, row in zip(answers, rows, strict=True):
        said = answer["prediction"]
        assert ("|".join(said) if isinstance(said, list) else said) == row["prediction"]
        for name, value in answer.get("probabilities", {}).items():
            assert numbers(value) == row[f"proba_{name}"]
        for name in ("spread", "entropy"):
            assert numbers(answer.get(name, 0.0)) == row.get(name, 0.0)


@pytest.mark.parametrize("kind", OPTIONS)
def test_answers_are_what_predict_writes(runs, kind, tmp_path, capsys):
    folder = runs(kind)
    data = folder / FILES.get(kind, "table.csv")
    rows = written(folder / "runs/a", data, tmp_path)
    with serving(opened(folder / "runs/a")) as client:
        sent = data if kind == "image" else rows_of(data)
        answers = ask(client, sent)
        require_same(answers, rows, np.float64 if kind == "regression" else np.float32)
        if kind in ("table", "regression"):
            assert [answer["id"] for answer in answers] == [row["id"] for row in rows]
        if kind == "image":
            assert [f"{answer['id']}" for answer in answers] == [row["id"].rpartition("/")[2] for row in rows]
            return
        [alone] = ask(client, sent[3])
    if kind == "regression":
        assert alone["prediction"] == pytest.approx(answers[3]["prediction"], rel=1e-6)
    else:
        assert alone["prediction"] == answers[3]["prediction"]
    assert alone.get("probabilities", {}) == pytest.approx(answers[3].get("probabilities", {}), abs=1e-6)


def test_each_fold_says_what_it_predicts_alone(runs, table, tmp_path, capsys):
    data = runs("table") / "table.csv"
    answers = ask(table, rows_of(data), "?folds=true")
    assert "folds" not in ask(table, rows_of(data))[0]
    for fold in ("0", "1"):
        rows = written(runs("table") / "runs/a", data, tmp_path, "--folds", fold)
        for answer, row in zip(answers, rows, strict=True):
            assert {name: np.float32(value) for name, value in answer["folds"][fold].items()} == {
                name: row[f"proba_{name}"] for name in ("no", "yes")
            }
    with serving(opened(runs("table") / "runs/a", folds=[1]), folds=True) as client:
        [answer] = ask(client, ROW)
        assert answer["folds"] == {"1": answer["probabilities"]}


def test_a_blend_answers_as_it_predicts_and_its_runs_are_the_voices(runs, tmp_path, capsys):
    folder = runs("table")
    options = [word for word in table_options(folder) if word != "run=a"]
    trained_in(folder, *options, "run=b", "loss=focal", HERE)
    members = [str(folder / "runs" / name) for name in "ab"]
    assert foldwise(["blend", *members, "--out", str(folder / "runs/blend"), "--method", "mean"]) == 0
    assert (
        foldwise(
            ["blend", members[0], str(folder / "runs/blend"), "--out", str(folder / "runs/two"), "--method", "mean"]
        )
        == 0
    )
    for name, voices in (("blend", {"a", "b"}), ("two", {"a", "blend"})):
        rows = written(folder / "runs" / name, folder / "table.csv", tmp_path)
        with serving(opened(folder / "runs" / name)) as client:
            answers = ask(client, rows_of(folder / "table.csv"), "?folds=true")
            assert client.get("/about").json()["blend"] == "mean"
        require_same(answers, rows)
        assert answers[0]["folds"].keys() == voices


def test_what_was_decided_is_applied_and_raw_leaves_it_out(runs, tmp_path, capsys):
    shutil.copytree(runs("table"), tmp_path, dirs_exist_ok=True)
    run = tmp_path / "runs/a"
    before = written(run, tmp_path / "table.csv", tmp_path)
    decide = ["decide", str(run), "--cost", "0,1;9,0", "--calibrate", "temperature", "--coverage", "0.8"]
    assert foldwise(decide) == 0
    after = written(run, tmp_path / "table.csv", tmp_path)
    with serving(opened(run)) as client:
        rows = rows_of(tmp_path / "table.csv")
        answers = ask(client, rows)
        require_same(answers, after)
        assert ["|".join(answer["set"]) for answer in answers] == [row["set"] for row in after]
        require_same(ask(client, rows, "?raw=true"), before)
        decision = client.get("/about").json()["decision"]
    assert (decision["calibration"], decision["coverage"]) == ("temperature", 0.8)
    with serving(opened(run, raw=True)) as client:
        require_same(ask(client, rows), before)


def test_numbers_have_their_interval(runs, tmp_path, capsys):
    shutil.copytree(runs("regression"), tmp_path, dirs_exist_ok=True)
    assert foldwise(["decide", str(tmp_path / "runs/a"), "--coverage", "0.8"]) == 0
    rows = written(tmp_path / "runs/a", tmp_path / "table.csv", tmp_path)
    with serving(opened(tmp_path / "runs/a")) as client:
        answers = ask(client, rows_of(tmp_path / "table.csv"))
    assert [answer["interval"] for answer in answers] == [[row["low"], row["high"]] for row in rows]


@pytest.mark.parametrize(
    "rows",
    [
        [{"size": 1.5, "shar": "3%", "colour": "red"}],
        [{"size": "abc", "share": "3%", "colour": "red"}],
        [{"size": "1", "share": "3%", "colour": "red"}, {"size": "2020-01-31", "share": "4%", "colour": "red"}],
        [{"size": {"a": 1}, "share": "3%", "colour": "red"}],
        [{"size": 1, "share": "3%", "colour": "red"}, {"size": [1], "share": "3%", "colour": "red"}],
    ],
    ids=["a column", "no number", "a date", "nested", "two kinds"],
)
def test_rows_that_do_not_fit_are_told_as_predict_tells_them(runs, table, rows, tmp_path, capsys):
    answer = table.post("/predict", json=rows)
    assert answer.status_code == 422
    file = tmp_path / "new.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    capsys.readouterr()
    run = str(runs("table") / "runs/a")
    assert foldwise(["predict", run, str(file), "--id", "none", "-o", str(tmp_path / "out.csv")]) == 3
    said = capsys.readouterr().err.strip().replace(str(file), "the request").replace(" line ", " row ")
    assert said == f"data error: {answer.json()['error']['message']}"


def test_other_rows_are_predicted_and_what_is_odd_is_noted(table):
    odd = {**ROW, "colour": "pink", "more": 1}
    answer = table.post("/predict", json=[ROW, odd, {"size": None, "colour": "red"}]).json()
    assert len(answer["predictions"]) == 3
    said = "\n".join(answer["notes"])
    assert "'pink'" in said
    assert "does not use: more" in said
    assert "'share' (1)" in said
    named = [{**ROW, "key": "x"}, {**ROW, "key": 7}, {**ROW, "key": None}]
    assert [one["id"] for one in ask(table, named)] == ["x", 7, 2]


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"{", 422, "not JSON"),
        (b"\xff\xfe\x00", 422, "not JSON"),
        (b"[" * 100_000, 422, "not JSON"),
        (b'{"size": NaN}', 422, "NaN is no number"),
        (b'{"size": 1e999, "share": 1, "colour": "red"}', 422, "too large"),
        (b'{"size": 1, "size": 2}', 422, "'size' is there twice"),
        (b'{"size": 1, "share": "\\ud800", "colour": "red"}', 422, "surrogate"),
        (b"[]", 422, "empty list"),
        (b"[{}]", 422, "no values"),
        (b'[{"size": 1}, 5]', 422, "row 2: not a JSON object: 5"),
    ],
)
def test_what_is_no_row_is_refused(table, content, status, said):
    answer = table.post("/predict", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]
    assert answer.headers["content-type"] == "application/json"


def test_other_addresses_methods_and_types_are_refused_as_json(table):
    assert table.post("/predict", content=b"{}").status_code == 415
    assert table.post("/predict", files={"file": b"x"}).status_code == 415
    asked = [
        table.get("/predict"),
        table.get("/../../etc/passwd"),
        table.get("/docs"),
        table.post("/predict?raw=maybe"),
    ]
    assert [answer.status_code for answer in asked] == [405, 404, 404, 422]
    assert all(answer.json()["error"]["message"] for answer in asked)


def png(width, height):
    stream = io.BytesIO()
    Image.new("RGB", (width, height)).save(stream, "PNG")
    return stream.getvalue()


def test_images_come_as_bytes_and_are_never_opened_by_name(images, runs):
    some = next((runs("image") / "pictures").rglob("*.png"))
    answer = images.post("/predict", content=some.read_bytes(), headers={"Content-Type": "image/png"})
    by_name = ask(images, some.parent)[[file.name for file in sorted(some.parent.glob("*.png"))].index(some.name)]
    assert answer.json()["predictions"][0]["probabilities"] == pytest.approx(by_name["probabilities"], abs=1e-6)
    for body in ({"json": {"file": str(some)}}, {"data": {"file": str(some)}}):
        refused = images.post("/predict", **body)
        assert refused.status_code in (415, 422), body
        assert "bytes" in refused.json()["error"]["message"]
    two = [("file", ("../../etc/good.png", png(8, 8))), ("file", ("../../etc/bad.png", some.read_bytes()[:90]))]
    refused = images.post("/predict", files=two)
    assert refused.status_code == 422
    assert refused.json()["error"]["message"].startswith("'../../etc/bad.png': damaged or cut off")
    assert "foldwise-serve" not in refused.text
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        damaged = images.post("/predict", content=b"abc", headers={"Content-Type": kind})
        assert damaged.status_code == 422
        assert "the form is damaged" in damaged.json()["error"]["message"]


def test_no_value_of_a_request_is_opened(images, table, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(8, 8))
    touched, listening = [], True

    def note(event, arguments):  # a hook of Python's cannot be taken away again
        if listening and event in ("open", "os.listdir", "os.scandir"):
            touched.append(str(arguments[0]))

    sys.addaudithook(note)
    try:
        name, headers = str(secret), {"Accept-Language": f"{tmp_path}/zh", "Referer": f"file://{secret}"}
        for client in (images, table):
            client.get("/", headers=headers)
            client.get(f"/{secret}")
            client.post("/predict", json={**ROW, "colour": name, "share": name, "file": name, "path": name})
            client.post("/predict", json={**ROW, "colour": name, "key": name}, params={"folds": "1", "data": name})
            client.post("/predict", files={"file": (name, png(8, 8))}, data={"file": name, "images": str(tmp_path)})
    finally:
        listening = False
    assert any("foldwise-serve" in path for path in touched)  # the hook hears
    assert [path for path in touched if str(tmp_path) in path] == []


def test_images_that_are_too_large_or_too_many_are_not_decoded(images, monkeypatch):
    monkeypatch.setattr("trainer.data.images.image_files.decode", lambda payload: pytest.fail("decoded"))
    refused = images.post("/predict", files={"file": ("big.png", png(11, 10))})
    assert refused.status_code == 413
    assert "'big.png' has 10 x 11 pixels, at most 100" in refused.json()["error"]["message"]
    many = images.post("/predict", files=[("file", (f"{number}.png", b"x")) for number in range(21)])
    assert many.status_code == 413
    assert images.post("/predict", files={"file": ("none.png", b"")}).status_code == 422


def test_bodies_and_rows_beyond_the_limits_are_refused(runs):
    with serving(opened(runs("table") / "runs/a"), Limits(max_rows=2, max_bytes=1000)) as client:
        rows = client.post("/predict", json=[ROW] * 3)
        told = client.post("/predict", json=[ROW] * 300)
        in_pieces = client.post("/predict", content=(b"[" * 400 for _ in range(300)))
        assert [rows.status_code, told.status_code, in_pieces.status_code] == [413, 413, 413]
        assert "3 rows, at most 2" in rows.json()["error"]["message"]
        assert ask(client, [ROW] * 2)


def test_a_million_columns_make_no_table(table):
    wide = table.post("/predict", json=dict.fromkeys(map(str, range(2000)), 0))
    assert wide.status_code == 413
    assert "2000 columns, at most 1003" in wide.json()["error"]["message"]


def test_requests_wait_for_their_turn_and_no_more_than_may(runs, monkeypatch):
    began, go_on = threading.Event(), threading.Event()

    def slow(*_):
        began.set()
        assert go_on.wait(30)
        return {"predictions": [], "notes": []}

    monkeypatch.setattr(app, "answer_rows", slow)
    found = []
    with serving(opened(runs("table") / "runs/a"), Limits(max_waiting=1)) as client:
        threads = [threading.Thread(target=lambda: found.append(client.post("/predict", json=ROW))) for _ in range(2)]
        for thread in threads:
            thread.start()
        until(lambda: client.get("/health").json()["waiting"] == 1)
        assert began.is_set()
        third = client.post("/predict", json=ROW)
        assert (third.status_code, third.headers["retry-after"]) == (503, "1")
        go_on.set()
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in found] == [200, 200]
        until(lambda: client.post("/predict", json=ROW).status_code == 200)


def test_what_takes_too_long_is_answered_and_its_place_freed_when_it_ends(runs, monkeypatch):
    go_on = threading.Event()
    monkeypatch.setattr(app, "answer_rows", lambda *_: go_on.wait(30) and {"predictions": [], "notes": []})
    with serving(opened(runs("table") / "runs/a"), Limits(max_waiting=0, timeout_seconds=0.2)) as client:
        assert client.post("/predict", json=ROW).status_code == 504
        assert client.post("/predict", json=ROW).status_code == 503
        go_on.set()
        until(lambda: client.post("/predict", json=ROW).status_code == 200)

        def slowly():
            yield b"{"
            threading.Event().wait(0.6)
            yield b"}"

        assert client.post("/predict", content=slowly()).status_code == 408


def test_a_request_that_is_broken_off_is_no_fault_of_the_server(table, capsys):
    with socket.create_connection((table.base_url.host, table.base_url.port)) as asker:
        head = f"POST /predict HTTP/1.1\r\nHost: {table.base_url.netloc.decode()}\r\nContent-Length: 100\r\n\r\n"
        asker.sendall(f"{head}{{".encode())
    assert ask(table, ROW)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("error", [RuntimeError("of a plugin, /secret"), CheckpointError("/secret"), SystemExit(3)])
def test_what_fails_here_is_told_here_and_the_server_goes_on(table, monkeypatch, capsys, error):
    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(app, "answer_rows", fail)
        answer = table.post("/predict", json=ROW)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    printed = capsys.readouterr().err
    assert printed.startswith("a request failed: ")
    assert "Traceback" not in printed
    assert ask(table, ROW)


def test_about_says_what_is_served_and_no_path(table, runs):
    facts = table.get("/about").json()
    assert [column["kind"] for column in facts["columns"]] == ["number", "number", "category"]
    assert facts["columns"][1]["written"] == "percentages"
    assert facts["columns"][2]["categories"] == ["blue", "green", "red"]
    assert (facts["task"], facts["classes"], facts["folds"], facts["model"]) == (
        "binary",
        ["no", "yes"],
        ["0", "1"],
        ["MLP"],
    )
    result = read_cv_json(runs("table") / "runs/a/cv.json")
    assert facts["score"]["oof"] == result.metrics[result.primary].oof
    assert str(runs("table")) not in json.dumps(facts)
    assert table.get("/health").json()["status"] == "ok"


def test_the_description_fits_what_is_answered(table):
    described = table.get("/openapi.json").json()
    body = described["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["oneOf"][0]["required"] == ["size", "share", "colour"]
    known = described["components"]["schemas"]["Prediction"]["properties"]
    [answer] = ask(table, ROW, "?folds=true")
    assert answer.keys() <= known.keys()
    assert {"set", "interval"} <= known.keys()
