"""Writing files of weights, in today's formats and in the one old torch reads; each is read back before it counts."""

import io
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save as save_safetensors
from torch import Tensor

from trainer.errors import CheckpointError, ConfigError, StorageError
from trainer.store.own_files import write_given
from trainer.weights.weight_files import bits, decode, digest, find_tensors, read_weights, sniff
from trainer.wording.translations import N_

SUFFIXES = {"safetensors": ".safetensors", "zip": ".pth", "legacy": ".pth"}
FORMATS_BY_SUFFIX = {
    ".safetensors": "safetensors",
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), "zip or legacy"),
}
FIRST_TORCH = {"zip": "1.6", "legacy": "0.4", "safetensors": "any with the safetensors package"}
LEGACY_DTYPES = {  # those with a storage class of their own; torch reads no other back from the legacy format
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
}
DTYPE_SINCE = {  # first torch release that has the dtype
    torch.bool: "1.2",
    torch.bfloat16: "1.3",
    torch.complex64: "1.6",
    torch.complex128: "1.6",
    torch.float8_e4m3fn: "2.1",
    torch.float8_e5m2: "2.1",
    torch.float8_e4m3fnuz: "2.2",
    torch.float8_e5m2fnuz: "2.2",
    torch.uint16: "2.3",
    torch.uint32: "2.3",
    torch.uint64: "2.3",
}


def weight_bytes(tensors: Mapping[str, Tensor], form: str) -> bytes:
    """Return the content of a file of weights: a plain mapping of contiguous tensors.

    The same tensors give the same bytes as safetensors and zip; the legacy format numbers its storages by memory
    address, so its bytes differ while its tensors do not.

    Args:
        tensors: by name, on any device.
        form: safetensors | zip | legacy.

    Raises:
        CheckpointError: a tensor is sparse or quantised, or of a dtype the format cannot hold.
    """
    _refuse_dtypes(tensors, form)
    plain = _plain(tensors, keep_ties=form != "safetensors")
    if form == "safetensors":
        return save_safetensors(plain, metadata={"sha256": digest(plain)})
    buffer = io.BytesIO()
    torch.save(plain, buffer, _use_new_zipfile_serialization=form == "zip")
    return buffer.getvalue()


def _refuse_dtypes(tensors: Mapping[str, Tensor], form: str) -> None:
    if form == "legacy":
        alien = [name for name, tensor in tensors.items() if tensor.dtype not in LEGACY_DTYPES]
    else:
        unknown = {torch.complex128, torch.complex32} if form == "safetensors" else set()
        alien = [name for name, tensor in tensors.items() if tensor.dtype in unknown]
    if alien:
        kind = str(tensors[alien[0]].dtype).removeprefix("torch.")
        raise CheckpointError(
            f"{alien[0]} is {kind}: the {form} format cannot hold that ({len(alien)} such tensors)\n"
            "cast them first, or write the zip format"
        )


def _plain(tensors: Mapping[str, Tensor], keep_ties: bool) -> dict[str, Tensor]:
    """Copy each tensor into memory of its own; names that share one keep sharing where the format can say so."""
    plain: dict[str, Tensor] = {}
    copies: dict[tuple[object, ...], Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.layout is not torch.strided or tensor.is_quantized:
            raise CheckpointError(f"{name}: sparse and quantised tensors cannot be written; make them dense first")
        copy = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        plain[name] = copies.setdefault(_identity(tensor), copy) if keep_ties else copy
    return plain


def _identity(tensor: Tensor) -> tuple[object, ...]:
    return tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride()


def convert(source: Path, target: Path, form: str) -> list[str]:
    """Write the weights of a file in another format; prove that the result holds the same before it is in place.

    Args:
        source: any file ``read_weights`` reads.
        target: replaced where it exists.
        form: safetensors | zip | legacy.

    Returns:
        What was done, and what it means for an old torch, line by line.

    Raises:
        CheckpointError: the source cannot be read, or the result is not the same.
        ConfigError: the target's directory is missing, or the target is the source.
        StorageError: the target cannot be written.
    """
    if not target.parent.is_dir():
        raise ConfigError(f"{target.parent} is not a directory: make it first")
    if target.exists() and not target.is_file():
        raise ConfigError(f"{target} is not a file: give the name of a file to write")
    fitting = FORMATS_BY_SUFFIX.get(target.suffix)
    if fitting is not None and form not in fitting:
        raise ConfigError(f"{target} bears the ending of another format: give --format {fitting}, or another name")
    weights = read_weights(source)
    if target.exists() and target.samefile(source):
        raise ConfigError(f"{target} is the file to convert itself: give the result another name")
    data = weight_bytes(weights.tensors, form)
    proof = prove(data, weights.tensors, form, target)
    write_given(target, data, N_("weights"))
    if target.read_bytes() != data:
        raise StorageError(f"{target}: what is on the disk is not what was written")
    return [
        f"{source} ({weights.format}{f', {weights.found_in}' if weights.found_in else ''}) -> {target} ({form})",
        f"{len(weights.tensors)} tensors, {sum(tensor.numel() for tensor in weights.tensors.values()):,} values, "
        f"{len(data) / 2**20:.1f} MiB; read back: every name, dtype, shape and bit is the same; {proof}",
        *weights.notes,
        *format_notes(weights.tensors, form),
    ]


def prove(data: bytes, tensors: Mapping[str, Tensor], form: str, path: Path) -> str:
    """Read written bytes back and compare; return the sign of the format in words.

    Raises:
        CheckpointError: the bytes are of another format, or hold other tensors.
    """
    found = sniff(data, path)
    if found != form:
        raise CheckpointError(f"{path}: written as {form}, but its first bytes say {found}")
    _, back = find_tensors(decode(data, form, path), path)
    wrong = sorted(back.keys() ^ tensors.keys())
    wrong += [name for name in back.keys() & tensors.keys() if not _same(back[name], tensors[name])]
    if wrong:
        raise CheckpointError(f"{path}: what was written reads back differently: {', '.join(wrong[:3])}")
    signs = {
        "zip": "PK 03 04",
        "legacy": "the pickled number 1950a86a20f9469cfc6c",
        "safetensors": f"its header length {int.from_bytes(data[:8], 'little')}",
    }
    return f"{form}, begins with {signs[form]}"


def _same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and torch.equal(bits(one), bits(other))


def format_notes(tensors: Mapping[str, Tensor], form: str) -> list[str]:
    """Return which torch reads the file, and which tensors an older one has no dtype for."""
    notes = [f"readable by torch: {FIRST_TORCH[form]}{' and later' if form != 'safetensors' else ''}"]
    if form == "legacy":
        notes.append("this format carries no checksum: damage inside its numbers cannot be seen, keep the original")
    counts = Counter(tensor.dtype for tensor in tensors.values() if tensor.dtype in DTYPE_SINCE)
    notes += [
        f"{count} tensors are {str(dtype).removeprefix('torch.')}: an old torch cannot hold them, "
        f"it takes {DTYPE_SINCE[dtype]} or later (or cast them first)"
        for dtype, count in counts.items()
    ]
    ties = len(tensors) - len({_identity(tensor) for tensor in tensors.values() if tensor.numel()})
    empty = sum(tensor.numel() == 0 for tensor in tensors.values())
    if form == "safetensors" and ties > empty:
        notes.append(f"{ties - empty} names share a tensor with another name: safetensors holds a copy for each")
    return notes
