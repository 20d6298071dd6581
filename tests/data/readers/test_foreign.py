"""What people point at that holds no table: each is called what it is, and told what to do with."""

import json
import pickle
import zipfile

import numpy as np
import pytest
import torch

from trainer.look.look_at import look_at
from trainer.look.page import as_page


@pytest.mark.parametrize(
    ("name", "content", "what", "advice"),
    [
        ("a.pdf", b"%PDF-1.4\n\xe2", "a PDF document", "as CSV"),
        ("a.py", b"import os\n", "a program", "data file"),
        ("a.csv", b"", "an empty file (0 bytes)", "again"),
        ("blank.csv", b"\n \n", "an empty file (3 bytes)", "again"),
        ("._a.csv", b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", "a resource file of a Mac", "without ._"),
        ("a.pkl", pickle.dumps([1, 2]), "a pickle of Python", "to_parquet"),
        ("a.html", b"<!DOCTYPE html><html>", "a web page", "download"),
        ("a.csv", b"<!DOCTYPE html><html>404</html>\n", "a web page", "download"),
        ("a.rar", b"Rar!\x1a\x07", "a RAR archive", "unpack"),
        ("a.png", b"\x89PNG\r\n\x1a\n\x00", "one PNG image", "folder"),
        ("a.wav", b"RIFF\x24\x08\x00\x00WAVE", "a recording", "not read"),
        ("a.safetensors", b"\x40\x00\x00\x00\x00\x00\x00\x00" + b'{"w":{"dtype":"F32"}}', "weights", "init.path"),
        ("a.dat", b"\x01\x02\x00\x00\xff", "a binary file that begins with 01 02 00 00 ff", "as CSV"),
        ("a.yaml", b"a: 1\n", "a file of settings", "data file"),
        ("a", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS", "git lfs pull"),
    ],
)
def test_a_file_that_is_no_table_is_called_what_it_is(tmp_path, name, content, what, advice):
    (tmp_path / name).write_bytes(content)
    found = look_at(str(tmp_path / name))
    assert found.what.startswith(what)
    assert advice in found.advice
    assert not found.train
    assert what in as_page(found)


@pytest.mark.parametrize(
    ("members", "what"),
    [
        (["[Content_Types].xml", "word/document.xml"], "a Word document"),
        (["archive/data.pkl", "archive/data/0"], "weights or a checkpoint of PyTorch"),
    ],
)
def test_a_zip_is_called_what_it_is(tmp_path, members, what):
    with zipfile.ZipFile(tmp_path / "a.bin", "w") as archive:
        for member in members:
            archive.writestr(member, "x")
    assert look_at(str(tmp_path / "a.bin")).what.startswith(what)


def test_saved_weights_are_weights(tmp_path):
    torch.save({"w": torch.zeros(2)}, tmp_path / "w.pt")
    torch.save({"w": torch.zeros(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("w.pt", "old.pt"):
        assert look_at(str(tmp_path / name)).what.startswith("weights")


def test_folders_are_called_what_they_are(tmp_path):
    for name in ("tables", "arrays", "model", "runs", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "tables/b.csv").write_text("x,y\n1,a\n")
    (tmp_path / "tables/a.csv").write_text("x,y\n1,a\n")
    (tmp_path / "tables/._a.csv").write_bytes(b"\x00\x05\x16\x07")
    np.save(tmp_path / "arrays/a.npy", np.zeros(3))
    (tmp_path / "model/config.json").write_text(json.dumps({"model_type": "bert"}))
    (tmp_path / "model/model.safetensors").write_bytes(b"")
    tables = look_at(str(tmp_path / "tables"))
    assert tables.what == "a folder with 2 tables"
    assert [line.split()[0] for line in tables.files] == ["a.csv", "b.csv"]
    assert "fw.cross_validate" in look_at(str(tmp_path / "arrays")).advice
    assert "bert" in look_at(str(tmp_path / "model")).what
    assert look_at(str(tmp_path / "empty")).what == "an empty folder"
