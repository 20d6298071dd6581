"""Reading files of weights: every format and container, nothing run, every damage named."""

import argparse
import io
import os
import pickle
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from trainer.errors import CheckpointError
from trainer.weights.file_formats import weight_bytes
from trainer.weights.weight_files import LEGACY_MAGIC, read_weights

STATE = {"body.weight": torch.arange(6.0).reshape(2, 3), "body.bias": torch.tensor([1.0, -2.0])}
FORMATS = ("zip", "legacy", "safetensors")


def saved(content, form="zip") -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=form == "zip")
    return buffer.getvalue()


def written(tmp_path: Path, data: bytes, name="weights.pth") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def assert_state(tensors, expected=STATE):
    assert tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensors[name], tensor), name


def test_the_legacy_magic_is_torchs():
    assert pickle.dumps(torch.serialization.MAGIC_NUMBER, protocol=2)[2:-1] == LEGACY_MAGIC


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.bin", "w.ckpt", "w.safetensors"])
def test_the_format_is_told_by_content_not_by_name(tmp_path, form, name):
    data = weight_bytes(STATE, form)
    weights = read_weights(written(tmp_path, data, name))
    assert weights.format == form
    assert weights.found_in == ""
    assert_state(weights.tensors)


@pytest.mark.parametrize("protocol", [2, 3])  # torch's safe reader has no later one
def test_legacy_files_of_other_pickle_protocols(tmp_path, protocol):
    buffer = io.BytesIO()
    torch.save(STATE, buffer, _use_new_zipfile_serialization=False, pickle_protocol=protocol)
    assert_state(read_weights(written(tmp_path, buffer.getvalue())).tensors)


LIGHTNING = {
    "epoch": 3,
    "global_step": 120,
    "pytorch-lightning_version": "2.6.6",
    "state_dict": {f"model.{name}": tensor for name, tensor in STATE.items()},
    "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.5), "best_model_path": ""}},
    "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(900)}}, "param_groups": []}],
    "hyper_parameters": {"lr": 1e-3},
}
APEX = {
    "model": {f"module.{name}": tensor for name, tensor in STATE.items()},
    "optimizer": {"state": {0: {"exp_avg": torch.zeros(900)}}, "param_groups": []},
    "amp": {"loss_scaler0": {"loss_scale": 32768.0, "unskipped": 17}},
}


@pytest.mark.parametrize("form", ["zip", "legacy"])
@pytest.mark.parametrize(
    ("content", "found_in", "prefix"),
    [
        (LIGHTNING, "state_dict", "model."),
        (APEX, "model", "module."),
        ({"epoch": 1, "best": torch.tensor(0.9), "model_state_dict": STATE}, "model_state_dict", ""),
        ({"state_dict": {"model": STATE, "step": 4}}, "state_dict.model", ""),
        ({"ema": STATE, "args": {"lr": 0.1}}, "ema", ""),
        ({"model_ema": {n: t + 1 for n, t in STATE.items()}, "model": STATE}, "model", ""),
        ({**STATE, "epoch": 7}, "", ""),
    ],
)
def test_containers(tmp_path, form, content, found_in, prefix):
    weights = read_weights(written(tmp_path, saved(content, form)))
    assert weights.found_in == found_in
    assert_state(weights.tensors, {f"{prefix}{name}": tensor for name, tensor in STATE.items()})


def test_apex_amp_state_and_other_keys_are_said(tmp_path):
    notes = read_weights(written(tmp_path, saved(APEX))).notes
    assert notes == ("also in the file, not used: optimizer, amp", "apex amp state: loss scale 32768")


def test_bookkeeping_of_training_scripts_does_not_hide_the_weights(tmp_path):
    content = {
        "state_dict": STATE,
        "best": np.float64(0.5),
        "args": argparse.Namespace(lr=1e-3),
        "dir": Path("runs"),
    }
    with pytest.raises(pickle.UnpicklingError):
        torch.load(io.BytesIO(saved(content)), weights_only=True)
    assert_state(read_weights(written(tmp_path, saved(content))).tensors)


class Payload:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class OwnModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(3, 2)


def payloads(canary: Path) -> dict[str, Payload]:
    return {
        "os.system": Payload(os.system, f"touch '{canary}'"),
        "open": Payload(open, str(canary), "w"),
        "exec": Payload(exec, f"open({str(canary)!r}, 'w').close()"),
        "write_text": Payload(Path.write_text, canary, "x"),
        "getattr": Payload(getattr, Payload(open, str(canary), "w"), "name"),
    }


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("kind", ["os.system", "open", "exec", "write_text", "getattr"])
@pytest.mark.parametrize("place", ["bare", "alone-zip", "alone-legacy", "beside-zip", "beside-legacy", "tar"])
def test_a_payload_is_refused_and_does_not_run(tmp_path, monkeypatch, forced, kind, place):
    canary = tmp_path / "canary"
    payload = payloads(canary)[kind]
    if forced:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    if place == "bare":
        data = pickle.dumps(payload)
    elif place == "tar":
        data = tarred(pickle.dumps(payload))
    else:
        where, form = place.split("-")
        data = saved(payload if where == "alone" else {"state_dict": STATE, "hyper_parameters": payload}, form)
    path = written(tmp_path, data)
    with pytest.raises(CheckpointError) as caught:
        read_weights(path)
    assert not canary.exists()
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 5


def tarred(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the payload opens its canary and drops it
@pytest.mark.parametrize("kind", ["os.system", "open", "exec", "write_text", "getattr"])
def test_the_same_payloads_do_run_where_pickle_is_trusted(tmp_path, kind):
    """Control: without the guard the canary appears, so the test above can fail."""
    canary = tmp_path / "canary"
    torch.load(io.BytesIO(saved({"state_dict": STATE, "x": payloads(canary)[kind]})), weights_only=False)
    assert canary.exists()


@pytest.mark.parametrize("form", ["zip", "legacy"])
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source")
def test_a_pickled_whole_module_says_to_save_its_state_dict(tmp_path, form):
    with pytest.raises(CheckpointError, match=r"state_dict\(\), 'weights.pth'") as caught:
        read_weights(written(tmp_path, saved(OwnModel(), form)))
    assert "nothing was run" in str(caught.value)


def test_torchscript_is_refused_by_name(tmp_path):
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(nn.Linear(3, 2), torch.zeros(1, 3)), buffer)
    with pytest.raises(CheckpointError, match="TorchScript"):
        read_weights(written(tmp_path, buffer.getvalue()))


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


OTHER_FILES = [
    (b"", "empty"),
    (b"<!DOCTYPE html><html><body>404</body></html>", "HTML"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "git lfs pull"),
    (b"epoch,loss\n1,0.5\n", "text file"),
    ("权重文件\n".encode() * 9, "text file"),
    (b'{"metadata": {}, "weight_map": {"a": "model-00001.safetensors"}}', "index of a model in several files"),
    (b"\x1f\x8b\x08\x00" + b"\x01" * 60, "gzip"),
    (b"\x89HDF\r\n\x1a\n" + b"\x00" * 60, "HDF5"),
    (b"\x00" * 100, "begins with the bytes 00 00"),
    (bytes(range(200, 256)), "begins with the bytes c8"),
    (zipped("a.txt", b"hello"), "not one of torch.save"),
    (zipped("archive/data.pkl", b"\x00" * 5_000_000), "unpacks to"),
    (b"PK\x03\x04" + b"\x01" * 50, "damaged or cut short"),
    (saved([torch.ones(2)]), "it holds a list"),
    (saved({"epoch": 1, "note": "x"}), "it holds epoch, note"),
    (saved({}), "it holds nothing"),
    (saved(torch.ones(3)), "it holds a Tensor"),
]


@pytest.mark.parametrize(("data", "message"), OTHER_FILES, ids=[message for _, message in OTHER_FILES])
def test_files_that_are_no_weights(tmp_path, data, message):
    path = written(tmp_path, data)
    with pytest.raises(CheckpointError, match=message) as caught:
        read_weights(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) <= 5


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_cut_short_at_any_place_is_refused(tmp_path, form):
    data = weight_bytes(STATE, form)
    for size in {*range(0, len(data), 37), len(data) - 1, len(data) - 30}:
        with pytest.raises(CheckpointError):
            read_weights(written(tmp_path, data[:size]))


@pytest.mark.parametrize("form", ["zip", "safetensors"])
def test_a_flipped_bit_never_changes_the_weights_in_silence(tmp_path, form):
    """Zip members carry checksums, and the safetensors files written here the sha256 of their tensors."""
    data, rng = weight_bytes(STATE, form), np.random.default_rng(0)
    refused = 0
    for place in rng.choice(len(data), size=250, replace=False):
        flipped = bytearray(data)
        flipped[place] ^= 1 << rng.integers(8)
        try:
            weights = read_weights(written(tmp_path, bytes(flipped)))
        except CheckpointError:
            refused += 1
        else:
            assert_state(weights.tensors)
    assert refused > 50


def test_a_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read: No such file"):
        read_weights(tmp_path / "absent.pth")
