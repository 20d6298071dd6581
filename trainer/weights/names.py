"""Which name of a file of weights is which name of a model, where wrappers and prefixes differ."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

WRAPPERS = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
OLD_NAMES = {"gamma": "weight", "beta": "bias"}  # of LayerNorm in BERT files made from TensorFlow
MOST_TRIED = 20

Shaped = Mapping[str, Tensor]


@dataclass(frozen=True)
class Naming:
    """How the names of a file became names of the model.

    Attributes:
        names: model name by file name, of the file names that have one.
        stripped: prefix taken off the file's names, such as ``bert.``; may be empty.
        added: prefix put before them, such as ``backbone.``; may be empty.
        wrappers: parts removed wherever they stood, such as ``module``.
        renamed: LayerNorm names gamma / beta read as weight / bias.
        rival: another prefix of the file that fits just as well, or None.
    """

    names: dict[str, str]
    stripped: str
    added: str
    wrappers: tuple[str, ...]
    renamed: int
    rival: str | None = None


def match_names(file: Shaped, model: Shaped, prefix: str | None = None) -> Naming:
    """Find the one prefix to strip and the one to add under which most values of the file fit the model by shape.

    Args:
        file: tensors by the file's names.
        model: tensors by the model's names.
        prefix: the one to strip, where the caller knows; None = the best.
    """
    modern, renamed = _modern(file, model)
    of_file, of_model = _unwrapped(modern.values()), _unwrapped(model)
    have = {of_file[modern[name]]: tensor for name, tensor in file.items()}
    want = {of_model[name]: tensor for name, tensor in model.items()}
    pairs = _candidates(have, want)
    if prefix is not None:
        wanted = _unwrap(f"{prefix.rstrip('.')}.") if prefix else ""
        pairs = {(wanted, added) for stripped, added in pairs if stripped == wanted} | {(wanted, "")}
    scores = {pair: _score(have, want, *pair) for pair in pairs}
    order = sorted(scores, key=lambda pair: (-scores[pair], _changes(pair), pair[0] != "model.", pair))
    best = order[0]
    real = {unwrapped: name for name, unwrapped in of_model.items()}
    mapped = _mapped(have, want, *best)
    names = {name: real[mapped[of_file[modern[name]]]] for name in file if of_file[modern[name]] in mapped}
    gone = {part for name, unwrapped in of_file.items() if name != unwrapped for part in name.split(".")}
    return Naming(names, *best, tuple(w for w in WRAPPERS if w in gone), renamed, _rival(order, scores))


def _modern(file: Shaped, model: Shaped) -> tuple[dict[str, str], int]:
    """Return the file's names with gamma / beta modernised, unless the model has such names itself."""
    ends = {name.rpartition(".")[2] for name in model}
    if ends & OLD_NAMES.keys():
        return {name: name for name in file}, 0
    modern = {}
    for name in file:
        head, dot, last = name.rpartition(".")
        new = f"{head}{dot}{OLD_NAMES.get(last, last)}"
        modern[name] = name if new in file else new
    return modern, sum(name != new for name, new in modern.items())


def _unwrapped(names: Iterable[str]) -> dict[str, str]:
    """Return each name without wrapper parts, or all as they are where two would become one."""
    bare = {name: _unwrap(name) for name in names}
    return bare if len(set(bare.values())) == len(bare) else {name: name for name in bare}


def _unwrap(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def _candidates(file: Shaped, model: Shaped) -> set[tuple[str, str]]:
    """Return (strip, add) pairs: what is left of the names of same-shaped tensors before their common ending."""
    places = defaultdict(list)
    for name, tensor in model.items():
        places[name.rpartition(".")[2], tensor.shape].append(name.split("."))
    votes: Counter[tuple[str, str]] = Counter()
    for name, tensor in file.items():
        parts = name.split(".")
        for other in places[parts[-1], tensor.shape]:
            same = _common_ending(parts, other)
            votes[_joined(parts[:-same]), _joined(other[:-same])] += tensor.numel()
    return {("", ""), *(pair for pair, _ in votes.most_common(MOST_TRIED))}


def _common_ending(one: list[str], other: list[str]) -> int:
    same = 0
    while same < min(len(one), len(other)) and one[-1 - same] == other[-1 - same]:
        same += 1
    return same


def _joined(parts: Iterable[str]) -> str:
    return "".join(f"{part}." for part in parts)


def _mapped(file: Shaped, model: Shaped, stripped: str, added: str) -> dict[str, str]:
    """Return model name by file name; a name outside the prefix counts if it is the model's as it stands."""
    moved = {name: added + name[len(stripped) :] for name in file if name.startswith(stripped)}
    mapped = {name: other for name, other in moved.items() if other in model}
    taken = set(mapped.values())
    return mapped | {name: name for name in file if name in model and name not in mapped and name not in taken}


def _score(file: Shaped, model: Shaped, stripped: str, added: str) -> int:
    mapped = _mapped(file, model, stripped, added)
    return sum(file[name].numel() for name, other in mapped.items() if file[name].shape == model[other].shape)


def _changes(pair: tuple[str, str]) -> int:
    return pair[0].count(".") + pair[1].count(".")


def _rival(order: list[tuple[str, str]], scores: Mapping[tuple[str, str], int]) -> str | None:
    best = order[0]
    for other in order[1:]:
        as_good = scores[other] == scores[best] > 0 and _changes(other) == _changes(best)
        if as_good and other[0] != best[0] and best[0] != "model.":
            return other[0]
    return None
