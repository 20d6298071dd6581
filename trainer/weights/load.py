"""Starting from given weights: what of a file fits a model, how much that is, and loading it or refusing to."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainer.errors import CheckpointError
from trainer.weights.names import Naming, match_names
from trainer.weights.weight_files import WeightFile
from trainer.wording.lists import first_with_dots

THOP_BUFFERS = ("total_ops", "total_params")

Shape = tuple[int, ...]
Differing = tuple[str, Shape, Shape]  # name, shape in the file, shape in the model


@dataclass(frozen=True)
class LoadReport:
    """What a file of weights gave a model.

    Attributes:
        path: of the file.
        format: zip | legacy | safetensors.
        sha256: of the file.
        found_in: keys that lead to the weights inside the file, dotted.
        tensors_loaded: of the model's state_dict.
        tensors_model: all of the model's state_dict.
        params_loaded: parameters that came from the file.
        params_model: all of the model's, shared ones once.
        body_params: ``params_model`` without the re-initialised heads.
        stripped: prefix taken off the file's names.
        added: prefix put before them.
        wrappers: parts removed from the names wherever they stood.
        dropped: thop's counters, which are not weights.
        reinitialised: heads for another number of classes; the model keeps its own fresh ones.
        mismatched: other tensors whose shape or kind of number differs.
        missing: names of the model that the file does not have.
        unexpected: names of the file that the model does not have.
        notes: anything else worth knowing.
    """

    path: str
    format: str
    sha256: str
    found_in: str
    tensors_loaded: int
    tensors_model: int
    params_loaded: int
    params_model: int
    body_params: int
    stripped: str
    added: str
    wrappers: tuple[str, ...]
    dropped: tuple[str, ...]
    reinitialised: tuple[Differing, ...]
    mismatched: tuple[Differing, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def body_share(self) -> float:
        """Share of the backbone's parameters that came from the file, 0 for a model that is all head."""
        return self.params_loaded / self.body_params if self.body_params else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "body_share": self.body_share}

    def summary(self) -> str:
        """Return one line for the report of the run."""
        parts = [
            f"{self.path} (sha256 {self.sha256[:12]}): {self.body_share:.1%} of the backbone's parameters",
            f"{self.tensors_loaded} of {self.tensors_model} tensors",
        ]
        parts += [f"heads re-initialised: {first_with_dots([name for name, _, _ in self.reinitialised])}"] * bool(
            self.reinitialised
        )
        return "; ".join([*parts, *self.notes])


def load_weights(
    model: nn.Module, file: WeightFile, *, n_outputs: int, min_match: float = 0.9, prefix: str | None = None
) -> LoadReport:
    """Copy the weights of a file that fit into a model; what does not fit stays as it was initialised.

    Args:
        model: changed in place, unless too little fits.
        file: as read.
        n_outputs: of the model; tells a head for another number of classes from another architecture.
        min_match: least share of the backbone's parameters (all but re-initialised heads) that must fit.
        prefix: of the names to take, where several parts of the file would fit.

    Raises:
        CheckpointError: too little fits, two parts of the file fit equally, or a value is not finite.
    """
    report, tensors, naming = compare(model, file, n_outputs=n_outputs, prefix=prefix)
    _refuse_little(report, min_match)
    if naming.rival is not None:
        raise CheckpointError(
            f"{file.path}: two parts of it fit the model: '{naming.stripped}' and '{naming.rival}'\n"
            f"say which: init.prefix={naming.stripped or naming.rival}"
        )
    _refuse_non_finite(model, tensors, file.path)
    try:
        model.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise CheckpointError(f"{file.path}: the model refused it: {str(error).splitlines()[-1].strip()}") from error
    _verify(model, tensors, file.path)
    return report


def compare(
    model: nn.Module, file: WeightFile, *, n_outputs: int, prefix: str | None = None
) -> tuple[LoadReport, dict[str, Tensor], Naming]:
    """Return what of ``file`` fits ``model``: the report, the fitting tensors by the model's names, and the naming."""
    state = {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}
    dropped = _thop_names(file.tensors, state)
    given = {name: tensor for name, tensor in file.tensors.items() if name not in dropped}
    naming = match_names(given, state, prefix)
    fitting, heads, mismatched = {}, [], []
    for name, other in naming.names.items():
        there, here = given[name], state[other]
        if there.shape == here.shape and _castable(there, here):
            fitting[other] = there
        elif _is_head(there.shape, here.shape, n_outputs):
            heads.append((other, tuple(there.shape), tuple(here.shape)))
        else:
            mismatched.append((other, tuple(there.shape), tuple(here.shape)))
    counts = _count(model, fitting, {name for name, _, _ in heads})
    known = {*_with_aliases(model, fitting), *naming.names.values()}
    report = LoadReport(
        path=file.path,
        format=file.format,
        sha256=file.sha256,
        found_in=file.found_in,
        tensors_loaded=len(fitting),
        tensors_model=len(state),
        **counts,
        stripped=naming.stripped,
        added=naming.added,
        wrappers=naming.wrappers,
        dropped=tuple(dropped),
        reinitialised=tuple(heads),
        mismatched=tuple(mismatched),
        missing=tuple(name for name in state if name not in known),
        unexpected=tuple(name for name in given if name not in naming.names),
        notes=(*file.notes, *_notes(naming, fitting, state), *_fresh_body(mismatched)),
    )
    return report, fitting, naming


def _thop_names(file: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    own = {name.rpartition(".")[2] for name in state}
    counters = [name for name in THOP_BUFFERS if name not in own]
    return [name for name, tensor in file.items() if name.rpartition(".")[2] in counters and tensor.numel() == 1]


def _castable(there: Tensor, here: Tensor) -> bool:
    """Return whether the numbers mean the same in the model's dtype (8-bit floats need scales the file may have)."""
    if there.is_quantized or there.layout is not torch.strided:
        return False
    if here.is_floating_point():
        return there.is_floating_point() and there.element_size() > 1
    return here.is_complex() == there.is_complex() and not there.is_floating_point()


def _is_head(there: Shape, here: Shape, n_outputs: int) -> bool:
    return len(there) == len(here) > 0 and there[1:] == here[1:] and there[0] != here[0] == n_outputs


def _aliases(model: nn.Module) -> dict[int, list[str]]:
    """Return all names of each parameter, by its identity."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return names


def _with_aliases(model: nn.Module, names: Mapping[str, Tensor]) -> set[str]:
    tied = [same for same in _aliases(model).values() if any(name in names for name in same)]
    return {*names, *(name for same in tied for name in same)}


def _count(model: nn.Module, fitting: Mapping[str, Tensor], heads: set[str]) -> dict[str, int]:
    sizes = {id(parameter): parameter.numel() for parameter in model.parameters()}
    aliases = _aliases(model)
    loaded = sum(sizes[key] for key, names in aliases.items() if any(name in fitting for name in names))
    head = sum(sizes[key] for key, names in aliases.items() if any(name in heads for name in names))
    total = sum(sizes.values())
    return {"params_loaded": loaded, "params_model": total, "body_params": total - head}


def _notes(naming: Naming, fitting: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    notes = [f"{naming.renamed} names gamma / beta read as weight / bias"] if naming.renamed else []
    cast = {(tensor.dtype, state[name].dtype) for name, tensor in fitting.items() if tensor.dtype != state[name].dtype}
    return notes + [f"cast from {_word(there)} to {_word(here)}" for there, here in sorted(cast, key=str)]


def _fresh_body(mismatched: Sequence[Differing]) -> list[str]:
    if not mismatched:
        return []
    return [f"warning: {len(mismatched)} tensors of the backbone have another shape and stay as initialised"]


def _word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _refuse_little(report: LoadReport, min_match: float) -> None:
    if report.params_loaded > 0 and report.body_share >= min_match:
        return
    lines = [
        f"{report.path}: only {report.body_share:.1%} of the model's backbone fits "
        f"({report.params_loaded:,} of {report.body_params:,} parameters; init.min_match={min_match:g})"
    ]
    if report.mismatched or report.reinitialised:
        differing = (*report.mismatched, *report.reinitialised)
        shapes = [f"{name} {there} there, {here} here" for name, there, here in differing]
        lines.append(f"shapes that differ: {first_with_dots(shapes, between='; ')}")
    if report.missing:
        lines.append(f"only in the model: {first_with_dots(report.missing)}")
    if report.unexpected:
        lines.append(f"only in the file: {first_with_dots(report.unexpected)}")
    lines.append("use weights of this architecture, or lower init.min_match")
    raise CheckpointError("\n".join(lines))


def _refuse_non_finite(model: nn.Module, tensors: Mapping[str, Tensor], path: str) -> None:
    dtypes = {name: parameter.dtype for name, parameter in model.named_parameters(remove_duplicate=False)}
    bad = [name for name, dtype in dtypes.items() if name in tensors and not _finite(tensors[name].to(dtype))]
    if bad:
        raise CheckpointError(
            f"{path}: NaN or infinity in {first_with_dots(bad)}\nuse weights of a run that did not diverge"
        )


def _finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


def _verify(model: nn.Module, tensors: Mapping[str, Tensor], path: str) -> None:
    """Check that the model now holds the file's values: a model's own loading hooks may drop or change them."""
    state = model.state_dict()
    wrong = [name for name, tensor in tensors.items() if not _equal(state[name].cpu(), tensor)]
    if wrong:
        raise CheckpointError(f"{path}: loaded, but the model does not hold its values: {first_with_dots(wrong)}")


def _equal(here: Tensor, there: Tensor) -> bool:
    cast = there.to(here.dtype)
    return bool(((here == cast) | ((here != here) & (cast != cast))).all())
