"""The whole state of a fold in training, as tensors and plain values, and back again, exactly."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainer.engine.ema import copy_into
from trainer.engine.fit_state import FitState
from trainer.engine.loops import Learner, Totals
from trainer.engine.own_random import random_states, set_random_states
from trainer.engine.sharded import all_like, like, whole
from trainer.errors import CheckpointError, few_words_of
from trainer.results import EpochRecord

PLAIN = (bool, int, float, str, type(None))


def capture(learner: Learner, progress: FitState) -> dict[str, Any]:
    """Return a copy of everything that decides how the fold goes on (tensors on the CPU).

    Raises:
        CheckpointError: something of the model's or optimizer's is neither a tensor nor a plain value.
    """
    average = learner.average
    state = {
        "model": learner.model.state_dict(),
        "weights": [name for name, _ in learner.model.named_parameters()],
        "buffers": _unsaved_buffers(learner.model),
        "loss buffers": _unsaved_buffers(_module(learner.loss)),
        "loss": _module(learner.loss).state_dict(),
        "optimizer": learner.optimizer.state_dict(),
        "scheduler": learner.scheduler.state_dict(),
        "precision": learner.precision.state_dict(),
        "average": None if average is None else {"tensors": average.average, "updates": average.updates},
        "tricks": None if learner.tricks is None else learner.tricks.state_dict(),
        "progress": {
            "epoch": progress.epoch,
            "windows": progress.windows,
            "steps": progress.steps,
            "epoch_seconds": progress.epoch_seconds,
            "seconds": progress.seconds,
            "totals": vars(progress.totals),
            "epochs": [asdict(record) for record in progress.epochs],
            "selection": vars(progress.selection),
        },
        "random": _random(learner, progress.totals.loss.device),
    }
    copied: dict[str, Any] = _copied(state, "state")
    return copied


def restore(state: Mapping[str, Any], learner: Learner, progress: FitState, *, adapt: bool = False) -> None:
    """Put a captured state into a fresh learner and progress; random generators last.

    Args:
        state: from ``capture``.
        learner: freshly built, in the same way as the one that was captured.
        progress: fresh.
        adapt: make do where the precision level or the loss scale is another one.

    Raises:
        CheckpointError: the state does not fit.
    """
    try:
        learner.model.load_state_dict(all_like(state["model"], learner.model.state_dict()))
        _load_buffers(learner.model, state["buffers"])
        _module(learner.loss).load_state_dict(state["loss"])
        _load_buffers(_module(learner.loss), state["loss buffers"])
        _restore_optimizer(state["optimizer"], learner.optimizer)
        learner.scheduler.load_state_dict(_like(state["scheduler"], learner.scheduler.state_dict()))
        _restore_precision(state, learner, adapt)
        _restore_average(state["average"], learner)
        if learner.tricks is not None:
            learner.tricks.load_state_dict(state["tricks"] or {})
    except (RuntimeError, ValueError, KeyError) as error:
        raise CheckpointError(f"the saved state does not fit this run: {few_words_of(error)}") from error
    _restore_progress(state["progress"], progress)
    set_random_states(state["random"], progress.totals.loss.device)


def first_difference(before: object, now: object, path: str = "state") -> str | None:
    """Return the path of the first value that is not bit for bit the same, or None."""
    if isinstance(before, Tensor) and isinstance(now, Tensor):
        return None if _same_bits(before, now) else path
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        if before.keys() != now.keys():
            return path
        pairs = [(f"{path}.{key}", before[key], now[key]) for key in before]
    elif isinstance(before, (list, tuple)) and isinstance(now, (list, tuple)):
        if len(before) != len(now):
            return path
        pairs = [(f"{path}[{i}]", one, other) for i, (one, other) in enumerate(zip(before, now, strict=True))]
    else:
        return None if before == now or (before != before and now != now) else path
    return next((found for p, one, other in pairs if (found := first_difference(one, other, p))), None)


def all_weights_finite(state: Mapping[str, Any]) -> bool:
    """Return whether the weights of a captured state are finite."""
    weights = [state["model"].get(name) for name in state["weights"]]  # None: saved under another name
    tensors = [tensor for tensor in (*weights, *(state["precision"]["masters"] or [])) if isinstance(tensor, Tensor)]
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors if tensor.is_floating_point())


def _random(learner: Learner, device: torch.device) -> dict[str, Any]:
    return random_states(device) if learner.random is None else learner.random.states()


def _same_bits(one: Tensor, other: Tensor) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return torch.equal(one.contiguous().view(-1).view(torch.uint8), other.contiguous().view(-1).view(torch.uint8))


def _copied(value: Any, path: str) -> Any:
    if type(value) in (Tensor, nn.Parameter) or hasattr(value, "full_tensor"):
        return whole(value.detach()).to("cpu", copy=True).contiguous()
    if isinstance(value, Mapping):
        return {key: _copied(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item, f"{path}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, tuple):
        return tuple(_copied(item, f"{path}[{i}]") for i, item in enumerate(value))
    if isinstance(value, np.generic):
        return value.item()
    if type(value) not in PLAIN:  # an enum is an int, but is not loaded again with weights_only
        raise CheckpointError(
            f"cannot save {path}: a {type(value).__name__} is neither a tensor nor a plain value, and would not be "
            "loaded again safely\nkeep such state in tensors (register_buffer) or numbers"
        )
    return value


def _module(loss: object) -> nn.Module:
    assert isinstance(loss, nn.Module)
    return loss


def _unsaved_buffers(model: nn.Module) -> dict[str, Tensor]:
    saved = model.state_dict().keys()
    return {name: buffer for name, buffer in model.named_buffers() if name not in saved}


def _load_buffers(model: nn.Module, buffers: Mapping[str, Tensor]) -> None:
    """Put back the buffers that a state_dict leaves out; a cache made or grown while training is made again."""
    own = _unsaved_buffers(model)
    device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))
    for name, buffer in buffers.items():
        if name in own and own[name].shape == buffer.shape and own[name].dtype == buffer.dtype:
            own[name].detach().copy_(buffer)
            continue
        module, _, last = name.rpartition(".")
        place = own[name].device if name in own else device
        model.get_submodule(module).register_buffer(last, buffer.to(place, copy=True), persistent=False)


def _restore_optimizer(saved: Mapping[str, Any], optimizer: torch.optim.Optimizer) -> None:
    """Load the state; torch casts it to the parameters' dtype, so what was saved in another dtype is put back."""
    optimizer.load_state_dict(dict(saved))
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for number, values in saved["state"].items():
        own = optimizer.state[parameters[number]]
        for name, value in values.items():
            if isinstance(value, Tensor) and name in own and own[name].dtype != value.dtype:
                own[name] = value.to(own[name].device, copy=True)
            if name in own:
                own[name] = like(own[name], parameters[number])


def _like(saved: Any, own: Any) -> Any:
    """Return a copy of a saved state, for torch takes some of it apart, with a Counter where ``own`` has one."""
    if isinstance(saved, Mapping):
        kept = {key: _like(value, own.get(key) if isinstance(own, Mapping) else None) for key, value in saved.items()}
        return Counter(kept) if isinstance(own, Counter) else kept
    if isinstance(saved, (list, tuple)):
        others = own if isinstance(own, (list, tuple)) and len(own) == len(saved) else [None] * len(saved)
        return type(saved)(_like(value, other) for value, other in zip(saved, others, strict=True))
    return saved


def _restore_precision(state: Mapping[str, Any], learner: Learner, adapt: bool) -> None:
    saved, precision = dict(state["precision"]), learner.precision
    own = precision.state_dict()
    if adapt and (saved["masters"] is None) != (own["masters"] is None):
        if saved["masters"] is None:
            names = [name for name, parameter in learner.model.named_parameters() if parameter.requires_grad]
            saved["masters"] = [state["model"][name].float() for name in names]
        else:
            copy_into(precision.model_parameters, saved["masters"])
            saved["masters"] = None
    if adapt and not precision.scaler.dynamic:
        saved["scaler"] = own["scaler"]
    precision.load_state_dict(saved)


def _restore_average(saved: Mapping[str, Any] | None, learner: Learner) -> None:
    if (saved is None) != (learner.average is None):
        raise CheckpointError("fit.ema_decay was set on one side and null on the other")
    if saved is not None and learner.average is not None:
        with torch.no_grad():
            for target, source in zip(learner.average.average, saved["tensors"], strict=True):
                target.copy_(like(source, target))
        learner.average.updates = saved["updates"]


def _restore_progress(saved: Mapping[str, Any], progress: FitState) -> None:
    device = progress.totals.loss.device
    totals, selection = saved["totals"], saved["selection"]
    progress.totals = Totals(totals["loss"].to(device), totals["weight"].to(device), totals["steps"])
    progress.epochs = [EpochRecord(**record) for record in saved["epochs"]]
    if selection["metric"] == progress.selection.metric:
        progress.selection.epoch = selection["epoch"]
        progress.selection.score = selection["score"]
        progress.selection.weights = dict(selection["weights"])
        progress.selection.waited = selection["waited"]
        progress.selection.same = selection.get("same", False)  # of earlier versions
    for name in ("epoch", "windows", "steps", "epoch_seconds", "seconds"):
        setattr(progress, name, saved[name])
