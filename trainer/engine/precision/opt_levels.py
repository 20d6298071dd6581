"""apex's opt levels O0-O3 as data, with apex's override rules.

Source: the property table and the refusals of NVIDIA/apex ``apex/amp/frontend.py`` (tag 25.04).
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Literal

import torch

from trainer.config.bounds import bound_problems
from trainer.config.schema import AmpConfig
from trainer.errors import ConfigError

LossScale = float | Literal["dynamic"]
DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16}
CAST_TYPES = {"float32": torch.float32, "half": None, "fp32": torch.float32, **DTYPES}
NO_APEX = (
    "amp.backend=apex: there is no apex.amp.initialize here\n"
    "apex.amp left NVIDIA/apex in May 2025 (last tag with it: 25.04); the PyPI package 'apex' is an unrelated web "
    "toolkit, so 'pip install apex' does not help\n"
    "use amp.backend=native (the same levels), or an NGC PyTorch image up to 25.04"
)


@dataclass(frozen=True)
class Properties:
    """What a level does; None = the level leaves the property alone.

    Attributes:
        cast_model_type: dtype that parameters and inputs are cast to.
        autocast: per-operation casts (apex's ``patch_torch_functions``).
        keep_batchnorm_fp32: affine BatchNorm stays float32 when the model is cast.
        master_weights: the optimizer steps float32 copies.
        loss_scale: a number, or "dynamic".
    """

    cast_model_type: torch.dtype | None
    autocast: bool
    keep_batchnorm_fp32: bool | None
    master_weights: bool | None
    loss_scale: LossScale


@dataclass(frozen=True)
class OptLevel:
    """A level with its overrides, ready to use.

    Attributes:
        opt_level: O0, O1, O2 or O3.
        dtype: the half type, float16 or bfloat16.
        default: the level's own properties.
        override: what the configuration set, by property.
        in_force: the outcome.
        notes: what was decided for the user and why.
        backend: native, or apex for NVIDIA's own.
    """

    opt_level: str
    dtype: torch.dtype
    default: Properties
    override: dict[str, object]
    in_force: Properties
    notes: tuple[str, ...]
    backend: str = "native"

    @property
    def computes_in_half(self) -> bool:
        """Whether anything is computed in the half type."""
        return self.in_force.autocast or self.in_force.cast_model_type in DTYPES.values()

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return (property, default, override, in force) as text, for the table printed at start."""
        return [
            (name, show(getattr(self.default, name)), show(self.override.get(name)), show(value))
            for name, value in vars(self.in_force).items()
        ]


def level_defaults(opt_level: str, half: torch.dtype) -> Properties:
    """Return apex's table row for ``opt_level`` with ``half`` as the half type."""
    return {
        "O0": Properties(torch.float32, False, None, False, 1.0),
        "O1": Properties(None, True, None, None, "dynamic"),
        "O2": Properties(half, False, True, True, "dynamic"),
        "O3": Properties(half, False, False, False, 1.0),
    }[opt_level]


def check_level(amp: AmpConfig) -> list[str]:
    """Return every problem of an amp section (empty when it is sound)."""
    return bound_problems(amp, "amp.") + override_problems(amp)


def override_problems(amp: AmpConfig) -> list[str]:
    """Return what is wrong with the loss scale, and the overrides that contradict the level or each other."""
    return _scale_problems(amp.loss_scale) + _override_problems(amp)


def _scale_problems(loss_scale: str | None) -> list[str]:
    if loss_scale is None or loss_scale == "dynamic":
        return []
    try:
        sound = 0 < float(loss_scale) <= torch.finfo(torch.float32).max
    except ValueError:
        sound = False
    return [] if sound else [f"amp.loss_scale: '{loss_scale}' is neither 'dynamic' nor a positive number"]


def _override_problems(amp: AmpConfig) -> list[str]:
    if amp.opt_level == "O1":
        given = [name for name in ("keep_batchnorm_fp32", "master_weights") if getattr(amp, name) is not None]
        if amp.cast_model_type in ("half", *DTYPES):  # apex lets float32 pass: it is what O1 has
            given.insert(0, "cast_model_type")
        return [
            f"amp.{name} cannot be set under O1: its weights stay float32 and operations are cast one by one "
            "(apex's rule); use amp=O2"
            for name in given
        ]
    problems = []
    if amp.cast_model_type in DTYPES and amp.dtype not in ("auto", amp.cast_model_type):
        problems.append(f"amp.cast_model_type={amp.cast_model_type} contradicts amp.dtype={amp.dtype}: set one of them")
    if not _half_model(amp):  # apex takes these, and they do nothing
        wanted = {"keep_batchnorm_fp32": amp.keep_batchnorm_fp32 is not None, "master_weights": amp.master_weights}
        problems += [
            f"amp.{name} needs a half model: it has no effect under {amp.opt_level} with float32 weights"
            for name, given in wanted.items()
            if given
        ]
    return problems


def _half_model(amp: AmpConfig) -> bool:
    default = "half" if amp.opt_level in ("O2", "O3") else "float32"
    return (amp.cast_model_type or default) not in ("float32", "fp32")


def resolve_opt_level(amp: AmpConfig, device: torch.device) -> OptLevel:
    """Turn an amp section into properties for ``device``.

    Raises:
        ConfigError: a level, an override or a combination that apex refuses too, or a backend that is not there.
    """
    problems = check_level(amp)
    if amp.backend == "apex":
        problems += _apex_problems(amp, device)
    if problems:
        raise ConfigError.from_problems(problems)
    half, notes = _half_type(amp, device)
    default = level_defaults(amp.opt_level, half)
    override = _overrides(amp, half)
    values = {**vars(default), **override}
    computes_in_half = amp.opt_level == "O1" or _half_model(amp)
    if not computes_in_half:
        values |= {"keep_batchnorm_fp32": None, "master_weights": False}
        values["loss_scale"] = override.get("loss_scale", 1.0)
        notes += ["amp.dtype has no effect: nothing is computed in half precision"] if amp.dtype != "auto" else []
    elif half is torch.bfloat16 and values["loss_scale"] == "dynamic" and "loss_scale" not in override:
        values["loss_scale"] = 1.0
        notes.append("bfloat16 has float32's range: the loss is not scaled (amp.loss_scale=dynamic turns it on)")
    backend = "apex" if amp.backend == "apex" else "native"
    return OptLevel(amp.opt_level, half, default, override, Properties(**values), tuple(notes), backend)


def _apex_problems(amp: AmpConfig, device: torch.device) -> list[str]:
    problems = []
    if device.type != "cuda":
        problems.append(f"amp.backend=apex needs a CUDA device, and this run is on {device}: use amp.backend=native")
    if "bf16" in (amp.dtype, amp.cast_model_type):
        problems.append("amp.backend=apex knows float16 only: use amp.dtype=fp16, or amp.backend=native for bf16")
    try:
        present = hasattr(import_module("apex.amp"), "initialize")
    except Exception:  # whatever an unrelated package of that name raises
        present = False
    return problems if present else [*problems, NO_APEX]


def _half_type(amp: AmpConfig, device: torch.device) -> tuple[torch.dtype, list[str]]:
    named = amp.dtype if amp.dtype != "auto" else amp.cast_model_type
    if named in DTYPES:
        return DTYPES[named], []
    if device.type == "cuda":
        return torch.float16, []
    notes = (
        []
        if amp.opt_level != "O1" and not _half_model(amp)
        else ["bfloat16 on CPU: float16 is many times slower there (amp.dtype=fp16 forces it)"]
    )
    return torch.bfloat16, notes


def _overrides(amp: AmpConfig, half: torch.dtype) -> dict[str, object]:
    override: dict[str, object] = {}
    if amp.cast_model_type is not None:
        override["cast_model_type"] = CAST_TYPES[amp.cast_model_type] or half
    if amp.keep_batchnorm_fp32 is not None:
        override["keep_batchnorm_fp32"] = amp.keep_batchnorm_fp32
    if amp.master_weights is not None:
        override["master_weights"] = amp.master_weights
    if amp.loss_scale is not None:
        override["loss_scale"] = "dynamic" if amp.loss_scale == "dynamic" else float(amp.loss_scale)
    return override


def show(value: object) -> str:
    """Return a property's value as the table shows it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).removeprefix("torch.")
