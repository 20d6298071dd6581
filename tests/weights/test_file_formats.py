"""Writing and converting files of weights: the same tensors, the promised bytes, the previous file safe."""

import pickle
import warnings

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from trainer.cli.main import main
from trainer.errors import CheckpointError, ConfigError, StorageError
from trainer.weights import file_formats as weight_formats
from trainer.weights.file_formats import convert, format_notes, prove, weight_bytes
from trainer.weights.weight_files import read_weights

FORMATS = ("zip", "legacy", "safetensors")
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
DTYPES += [torch.complex64, torch.int8, torch.int16, torch.int32, torch.float64]
MODERN = [torch.uint16, torch.uint64, torch.float8_e4m3fn]
GENERATOR = torch.Generator().manual_seed(0)


def state(dtypes=DTYPES):
    values = {str(dtype): (torch.rand(3, 4, generator=GENERATOR) * 9).to(dtype) for dtype in dtypes}
    base = torch.arange(20.0)
    nan = torch.tensor([float("nan"), float("inf"), -0.0])
    odd = {"view": base[4:9], "transposed": base.reshape(4, 5).T, "scalar": torch.tensor(3), "none": torch.zeros(0, 2)}
    return {**values, **odd, "nan": nan, "parameter": nn.Parameter(torch.ones(2))}


def same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == other[name].dtype, name
        assert one[name].shape == other[name].shape, name
        a, b = one[name].detach().to(torch.complex128), other[name].detach().to(torch.complex128)
        assert torch.equal(torch.view_as_real(a.contiguous()).isnan(), torch.view_as_real(b.contiguous()).isnan())
        assert torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)), name


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_every_format_converts_to_every_other_bit_for_bit(tmp_path, source, target):
    tensors = state()
    (tmp_path / "in").write_bytes(weight_bytes(tensors, source))
    convert(tmp_path / "in", tmp_path / "out", target)
    back = read_weights(tmp_path / "out")
    assert back.format == target
    same(back.tensors, tensors)
    assert all(tensor.is_contiguous() and type(tensor) is torch.Tensor for tensor in back.tensors.values())


def test_other_readers_read_what_is_written(tmp_path):
    tensors = {name: tensor for name, tensor in state().items() if name != "parameter"}
    for form, name in (("zip", "a.pth"), ("legacy", "b.pth"), ("safetensors", "c.safetensors")):
        (tmp_path / name).write_bytes(weight_bytes(tensors, form))
    same(torch.load(tmp_path / "a.pth", weights_only=True), tensors)
    same(torch.load(tmp_path / "b.pth", weights_only=True), tensors)
    same(load_file(tmp_path / "c.safetensors"), tensors)


def test_first_bytes():
    tensors = {"w": torch.ones(2)}
    assert weight_bytes(tensors, "zip")[:4] == b"PK\x03\x04"
    assert pickle.loads(weight_bytes(tensors, "legacy")) == 0x1950A86A20F9469CFC6C
    data = weight_bytes(tensors, "safetensors")
    assert data[8 : 8 + int.from_bytes(data[:8], "little")].strip().endswith(b"}")


@pytest.mark.parametrize("form", ["zip", "safetensors"])
def test_the_same_tensors_give_the_same_bytes(form):
    assert weight_bytes(state_copy(), form) == weight_bytes(state_copy(), form)


def state_copy():
    return {"a": torch.arange(5.0), "b": torch.ones(2, 2)}


def test_a_slice_does_not_drag_its_whole_storage_along():
    huge = torch.zeros(1_000_000)
    for form in FORMATS:
        assert len(weight_bytes({"w": huge[:3]}, form)) < 10_000


@pytest.mark.parametrize("form", FORMATS)
def test_tied_weights_are_written_in_every_format(tmp_path, form):
    tied = torch.randn(100, 100, generator=GENERATOR)
    tensors = {"embedding.weight": tied, "head.weight": tied, "other": torch.ones(3)}
    data = weight_bytes(tensors, form)
    assert (len(data) > 75_000) == (form == "safetensors")
    prove(data, tensors, form, tmp_path)
    notes = format_notes(tensors, form)
    assert any("1 names share a tensor" in note for note in notes) == (form == "safetensors")


def test_only_the_weights_of_a_checkpoint_are_converted_and_it_is_said(tmp_path):
    torch.save({"state_dict": {"w": torch.ones(2)}, "optimizer": {"lr": 1}}, tmp_path / "in.ckpt")
    lines = convert(tmp_path / "in.ckpt", tmp_path / "out.pth", "legacy")
    assert torch.load(tmp_path / "out.pth", weights_only=True).keys() == {"w"}
    assert "in.ckpt (zip, state_dict) -> " in lines[0]
    assert "also in the file, not used: optimizer" in lines


@pytest.mark.parametrize("dtype", MODERN)
def test_dtypes_younger_than_the_legacy_format_are_refused_there_and_kept_elsewhere(tmp_path, dtype):
    tensors = state([dtype])
    with pytest.raises(CheckpointError, match=r"the legacy format cannot hold that \(1 such"):
        weight_bytes(tensors, "legacy")
    for form in ("zip", "safetensors"):
        (tmp_path / "w").write_bytes(weight_bytes(tensors, form))
        same(read_weights(tmp_path / "w").tensors, tensors)
        assert f"1 tensors are {str(dtype).removeprefix('torch.')}" in "\n".join(format_notes(tensors, form))


def test_double_complex_is_refused_by_safetensors_only(tmp_path):
    tensors = state([torch.complex128])
    with pytest.raises(CheckpointError, match=r"torch\.complex128 is complex128: the safetensors format cannot"):
        weight_bytes(tensors, "safetensors")
    for form in ("zip", "legacy"):
        (tmp_path / "w").write_bytes(weight_bytes(tensors, form))
        same(read_weights(tmp_path / "w").tensors, tensors)


def test_what_an_old_torch_cannot_hold_is_said():
    notes = "\n".join(format_notes(state(), "legacy"))
    assert "readable by torch: 0.4 and later" in notes
    assert "1 tensors are bfloat16: an old torch cannot hold them, it takes 1.3 or later" in notes
    assert "no checksum" in notes
    assert format_notes({"w": torch.ones(2)}, "zip") == ["readable by torch: 1.6 and later"]


def test_a_wrong_result_is_not_put_in_place(tmp_path, monkeypatch):
    (tmp_path / "in.pth").write_bytes(weight_bytes({"w": torch.ones(2)}, "zip"))
    (tmp_path / "out.pth").write_bytes(b"the previous file")
    wrong = weight_bytes({"w": torch.tensor([1.0, 2.0])}, "legacy")
    monkeypatch.setattr(weight_formats, "weight_bytes", lambda tensors, form: wrong)
    with pytest.raises(CheckpointError, match="reads back differently: w"):
        convert(tmp_path / "in.pth", tmp_path / "out.pth", "legacy")
    with pytest.raises(CheckpointError, match="written as zip, but its first bytes say legacy"):
        convert(tmp_path / "in.pth", tmp_path / "out.pth", "zip")
    assert (tmp_path / "out.pth").read_bytes() == b"the previous file"


def test_a_full_disk_keeps_the_previous_file(tmp_path, monkeypatch):
    (tmp_path / "in.pth").write_bytes(weight_bytes({"w": torch.ones(2)}, "zip"))
    (tmp_path / "out.pth").write_bytes(b"the previous file")
    monkeypatch.setattr("trainer.system.files.os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space")))
    with pytest.raises(StorageError, match="disk full"):
        convert(tmp_path / "in.pth", tmp_path / "out.pth", "legacy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.pth", "out.pth"]
    assert (tmp_path / "out.pth").read_bytes() == b"the previous file"


def test_the_source_is_not_overwritten_and_directories_are_not_made(tmp_path):
    (tmp_path / "in.pth").write_bytes(weight_bytes({"w": torch.ones(2)}, "zip"))
    before = (tmp_path / "in.pth").read_bytes()
    with pytest.raises(ConfigError, match="give the result another name"):
        convert(tmp_path / "in.pth", tmp_path / "in.pth", "legacy")
    with pytest.raises(ConfigError, match="is not a directory"):
        convert(tmp_path / "in.pth", tmp_path / "no" / "out.pth", "legacy")
    with pytest.raises(ConfigError, match="is not a file"):
        convert(tmp_path / "in.pth", tmp_path, "legacy")
    for name, form in (("out.safetensors", "zip"), ("out.pth", "safetensors")):
        with pytest.raises(ConfigError, match="ending of another format"):
            convert(tmp_path / "in.pth", tmp_path / name, form)
    assert (tmp_path / "in.pth").read_bytes() == before


def test_sparse_tensors_are_refused_by_name():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sparse = torch.eye(3).to_sparse()
    with pytest.raises(CheckpointError, match="w: sparse"):
        weight_bytes({"w": sparse}, "zip")


def test_the_command(tmp_path, capsys):
    (tmp_path / "in.pth").write_bytes(weight_bytes({"w": torch.ones(2, dtype=torch.bfloat16)}, "zip"))
    assert main(["convert", str(tmp_path / "in.pth"), str(tmp_path / "out.pth"), "--format", "legacy"]) == 0
    said = capsys.readouterr().out
    assert "every name, dtype, shape and bit is the same; legacy, begins with the pickled number 1950a86a" in said
    assert "bfloat16" in said
    assert main(["convert", str(tmp_path / "absent.pth"), str(tmp_path / "out.pth")]) == 4
