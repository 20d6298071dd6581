"""Files of weights: known by their first bytes, read without running anything that is in them.

``torch.load`` is always told ``weights_only=True``, so a pickle can make tensors and plain values and nothing else;
the environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD has no say where the argument is given.
"""

import hashlib
import io
import json
import re
import warnings
import zipfile
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor

from trainer.errors import CheckpointError
from trainer.store.own_files import read_given

ZIP_MAGIC = b"PK\x03\x04"
LEGACY_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # pickled 0x1950a86a20f9469cfc6c, torch.save's first object
CONTAINERS = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params")
NOT_WEIGHTS = ("optim", "amp", "sched", "scaler", "lr_")  # first letters of keys that hold other tensors
LARGEST_RATIO = 10  # unpacked to packed bytes; torch.save does not compress


class Placeholder:
    """Stands for a value of a bookkeeping class: takes anything, does nothing."""

    def __init__(self, *values: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


BOOKKEEPING = [  # classes that training scripts leave in their files; never imported, never run
    *((Placeholder, f"numpy.{core}.multiarray.{name}") for core in ("core", "_core") for name in ("scalar",)),
    *((Placeholder, name) for name in ("numpy.dtype", "argparse.Namespace")),
    *((Placeholder, f"pathlib.{name}") for name in ("PosixPath", "WindowsPath", "PurePosixPath")),
    *((Placeholder, f"pathlib._local.{name}") for name in ("PosixPath", "WindowsPath", "PurePosixPath")),
    (dict, "pytorch_lightning.utilities.parsing.AttributeDict"),
    (dict, "lightning_fabric.utilities.data.AttributeDict"),
    (dict, "lightning.fabric.utilities.data.AttributeDict"),
]


@dataclass(frozen=True)
class WeightFile:
    """The weights of a file.

    Attributes:
        path: as given.
        format: zip | legacy | safetensors.
        sha256: of the file.
        found_in: keys that lead to the weights, dotted; empty where the file is the state_dict itself.
        tensors: by name, on the CPU.
        notes: what else the file holds.
    """

    path: str
    format: str
    sha256: str
    found_in: str
    tensors: dict[str, Tensor]
    notes: tuple[str, ...] = ()


def read_weights(path: Path) -> WeightFile:
    """Read the weights of a .pt, .pth, .bin, .ckpt or .safetensors file, whatever its name ends in.

    Raises:
        CheckpointError: there is no such file, it is damaged, or it holds something else than weights.
    """
    try:
        data = read_given(path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    form = sniff(data, path)
    content = decode(data, form, path)
    found_in, tensors = find_tensors(content, path)
    return WeightFile(str(path), form, hashlib.sha256(data).hexdigest(), found_in, tensors, _notes(content, found_in))


def sniff(data: bytes, path: Path) -> str:
    """Return zip, legacy or safetensors by the first bytes.

    Raises:
        CheckpointError: it is none of them; says what it looks like.
    """
    if data.startswith(ZIP_MAGIC):
        return "zip"
    if data[:1] == b"\x80" and LEGACY_MAGIC in data[:32]:
        return "legacy"
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") < 100_000_000:
        return "safetensors"
    raise CheckpointError(f"{path}: {_what_else(data)}")


def _what_else(data: bytes) -> str:
    head = data[:400].lstrip()
    if not data:
        return "the file is empty (0 bytes)"
    if data[:1] == b"\x80":
        return (
            "a bare pickle, not written by torch.save: not opened, because reading one can run code\n"
            "where you trust it, load it and torch.save(model.state_dict(), 'weights.pth')"
        )
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself: run git lfs pull"
    if head.startswith(b"<"):
        return "a web page (HTML), not weights: the download went wrong, get the file itself"
    if b'"weight_map"' in data:
        return "the index of a model in several files, not weights: join the files it names into one first"
    known = {b"\x1f\x8b": "gzip", b"\x89HDF": "HDF5", b"GGUF": "GGUF", b"\x93NUMPY": "NumPy"}
    kind = next((name for magic, name in known.items() if data.startswith(magic)), None)
    if kind is None and data[257:262] == b"ustar":
        kind = "tar"
    if kind is not None:
        return f"a {kind} file, not weights of torch.save or safetensors"
    try:
        text = " ".join(getincrementaldecoder("utf-8")().decode(head[:40]).split())
    except UnicodeDecodeError:
        text = "\0"
    if text.isprintable():
        return f"a text file, not weights; it begins with {text!r}"
    return f"not a file of torch.save or safetensors; it begins with the bytes {data[:8].hex(' ')}"


def decode(data: bytes, form: str, path: Path) -> Any:
    """Return what a file holds: tensors and plain values only.

    Raises:
        CheckpointError: it is damaged, or holds anything else.
    """
    try:
        if form == "safetensors":
            return _decode_safetensors(data)
        if form == "zip":
            _check_archive(data)
        with warnings.catch_warnings(), torch.serialization.safe_globals(BOOKKEEPING):  # type: ignore[arg-type]
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except Exception as error:  # a damaged file makes a reader raise anything
        raise CheckpointError(f"{path}: {_why_not(error)}") from error


def _why_not(error: Exception) -> str:
    refused = re.search(r"GLOBAL ([\w.]+)", str(error))
    if refused is None:
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        return f"damaged or cut short: it cannot be read ({lines[-1].strip()[:150]})"
    return (
        f"refused: it holds {refused[1]}, and reading that could run code; nothing was run\n"
        "is it a whole model? where you trust it and have its code, save its weights alone:\n"
        "torch.save(torch.load(FILE, weights_only=False).state_dict(), 'weights.pth')"
    )


def _decode_safetensors(data: bytes) -> dict[str, Tensor]:
    header_bytes = int.from_bytes(data[:8], "little")
    tensors = dict(sorted(load_safetensors(data).items()))  # the reader's own order varies
    written = json.loads(data[8 : 8 + header_bytes]).get("__metadata__", {}).get("sha256")
    if written is not None and written != digest(tensors):
        raise CheckpointError("damaged: its tensors are not those that were written (sha256 differs)")
    return tensors


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the sha256 of names, dtypes, shapes and bits; the safetensors files written here carry it."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        total.update(bits(tensor).numpy().data)
    return total.hexdigest()


def bits(tensor: Tensor) -> Tensor:
    """Return the bytes of a tensor, (n_bytes,) uint8."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)


def _check_archive(data: bytes) -> None:
    """Refuse an archive that torch.save did not write, is larger inside than it may be, or fails its checksums."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        unpacked_bytes = sum(member.file_size for member in archive.infolist())
        if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
            raise CheckpointError(
                "a TorchScript archive, not weights: where you trust it, save its weights alone:\n"
                "torch.save(torch.jit.load(FILE).state_dict(), 'weights.pth')"
            )
        if not any(name.endswith("/data.pkl") for name in names):
            raise CheckpointError(f"a zip archive, but not one of torch.save; it holds {', '.join(names[:3])}")
        if unpacked_bytes > LARGEST_RATIO * len(data):
            raise CheckpointError(
                f"refused: it unpacks to {unpacked_bytes / 2**20:.0f} MiB; torch.save does not compress"
            )
        damaged = archive.testzip()
        if damaged is not None:
            raise CheckpointError(f"damaged: the checksum of '{damaged}' inside it is wrong")


def find_tensors(content: Any, path: Path) -> tuple[str, dict[str, Tensor]]:
    """Return where the weights are and the weights: the largest state_dict, a usual key first.

    Raises:
        CheckpointError: there are none.
    """
    found = dict(_states(content))
    sizes = {where: sum(tensor.numel() for tensor in state.values()) for where, state in found.items()}
    large = [where for where, size in sizes.items() if 2 * size >= max(sizes.values())]
    if not large:
        holds = ", ".join(map(str, content)) if isinstance(content, Mapping) else f"a {type(content).__name__}"
        raise CheckpointError(
            f"{path}: holds no tensors by name (it holds {holds[:150] or 'nothing'})\n"
            "save the weights with torch.save(model.state_dict(), 'weights.pth')"
        )
    where = min(large, key=lambda where: (_rank(where), -sizes[where]))
    return where, found[where]


def _states(content: Any, where: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Tensor]]]:
    if not isinstance(content, Mapping) or depth > 3:
        return
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if tensors:
        yield where, tensors
    for name, value in content.items():
        if isinstance(name, str) and not name.lower().startswith(NOT_WEIGHTS):
            yield from _states(value, f"{where}.{name}".lstrip("."), depth + 1)


def _rank(where: str) -> int:
    last = where.rpartition(".")[2]
    return CONTAINERS.index(last) if last in CONTAINERS else -1 if not where else len(CONTAINERS)


def _notes(content: Any, found_in: str) -> tuple[str, ...]:
    if not isinstance(content, Mapping):
        return ()
    used = found_in.partition(".")[0]
    other = [str(name) for name, value in content.items() if not isinstance(value, Tensor) and name != used]
    notes = [f"also in the file, not used: {', '.join(other)[:200]}"] if other else []
    amp = content.get("amp")
    if isinstance(amp, Mapping):
        scales = [f"{value['loss_scale']:g}" for value in amp.values() if _is_scaler(value)]
        notes += [f"apex amp state: loss scale {', '.join(scales)}"] if scales else []
    return tuple(notes)


def _is_scaler(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("loss_scale"), (int, float))
