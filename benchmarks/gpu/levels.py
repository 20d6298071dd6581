"""O0-O3 on a device: parity with O0, the dtype of everything, and the loss scale after real overflows."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.amp_parity import CASES, DTYPES, LEVELS, TOLERANCE, Case, ConvNet, on_device, order, plain_torch, train
from benchmarks.gpu.rows import Row
from trainer.config.schema import AmpConfig
from trainer.data.loading.batches import Batch, DenseRows, TrainingSet
from trainer.engine.loops import Learner, Totals, train_step
from trainer.engine.modes import training
from trainer.engine.precision.opt_levels import DTYPES as HALF_TYPES
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.engine.precision.precision import Precision
from trainer.losses.ce import CrossEntropy

SMALL_EPOCHS = 1  # on a CPU, where float16 is slow and nothing here is new


def parity(device: torch.device) -> Iterator[Row]:
    """Three models at every level in both half types: the loss of O0 within 2 %, and O0 the bits of torch alone."""
    for case in CASES if device.type == "cuda" else [shortened(CASES[0])]:
        reference = train(case, "O0", "fp16", device)
        same = torch.equal(reference.weights, plain_torch(case, device))
        yield Row(f"{case.name}, O0", "same bits as torch alone" if same else "other bits than torch alone", same)
        for dtype in DTYPES:
            for level in LEVELS[1:]:
                found = train(case, level, dtype, device)
                change = found.loss / reference.loss - 1
                skipped = f", {found.skipped} steps skipped" if found.skipped else ""
                yield Row(
                    f"{case.name}, {level} {dtype}", f"loss {change:+.2%} of O0's{skipped}", abs(change) <= TOLERANCE
                )


def shortened(case: Case) -> Case:
    """Return the case with fewer epochs."""
    return replace(case, epochs=SMALL_EPOCHS, steps=case.steps * SMALL_EPOCHS // case.epochs)


class Dtypes(NamedTuple):
    """The dtypes of a model with a convolution, BatchNorm and a linear layer, under a level."""

    convolution: torch.dtype
    batch_norm: torch.dtype
    linear_output: torch.dtype
    optimizer_steps: torch.dtype
    logits: torch.dtype


FULL = torch.float32


def wanted_dtypes(level: str, half: torch.dtype) -> Dtypes:
    """Return what apex's table says."""
    return {
        "O0": Dtypes(FULL, FULL, FULL, FULL, FULL),
        "O1": Dtypes(FULL, FULL, half, FULL, FULL),
        "O2": Dtypes(half, FULL, half, FULL, FULL),
        "O3": Dtypes(half, half, half, half, FULL),
    }[level]


def dtypes(device: torch.device) -> Iterator[Row]:
    """The dtypes in force of weights, of what a layer gives, of what the optimizer steps and of the logits."""
    for name in DTYPES:
        for level in LEVELS:
            found = found_dtypes(level, name, device)
            words = ", ".join(
                f"{what.replace('_', ' ')} {str(dtype).removeprefix('torch.')}"
                for what, dtype in found._asdict().items()
            )
            yield Row(f"{level} {name}", words, found == wanted_dtypes(level, HALF_TYPES[name]))


def found_dtypes(level: str, dtype: str, device: torch.device) -> Dtypes:
    """Return what a forward pass under the level has."""
    model, seen = ConvNet(4, channels=4).to(device), list[torch.dtype]()
    precision = Precision(model, resolve_opt_level(AmpConfig(level, dtype=dtype), device))
    model.head.register_forward_hook(lambda module, given, output: seen.append(output.dtype))
    logits = precision.forward(model, {"image": torch.rand(8, 1, 8, 8, device=device)})
    stepped = {parameter.dtype for parameter in precision.parameters}
    of_parts = [next(part.parameters()).dtype for part in (model.body[0], model.body[1])]
    return Dtypes(*of_parts, seen[0], stepped.pop(), logits.dtype)


def scaler(device: torch.device) -> Iterator[Row]:
    """The loss scale through real overflows of float16, step by step against torch's GradScaler around a plain loop."""
    data, steps = on_device(overflowing_rows(), device), 24
    batches = [data.batch(rows) for rows in order(len(data), 0)]
    batches = [batches[number % len(batches)] for number in range(steps)]
    own, own_weights = own_scales(batches, device)
    theirs, their_weights = torch_scales(batches, device)
    fell = own[-1] < own[0]
    yield Row("scale falls in a real overflow", " ".join(f"{scale:g}" for scale in own), fell)
    yield Row("same scales as GradScaler", f"{steps} steps", own == theirs)
    same = all(map(torch.equal, own_weights, their_weights))
    yield Row("same weights as with GradScaler", "same bits" if same else "other bits", same)


def overflowing_rows() -> TrainingSet:
    """Return rows whose gradients times 65,536 are more than float16 holds (65,504)."""
    generator = torch.Generator().manual_seed(0)
    numeric = 40 * torch.randn(256, 16, generator=generator)
    target = torch.randint(0, 4, (256,), generator=generator)
    return TrainingSet(DenseRows({"numeric": numeric}), target, torch.ones(256))


class Named(nn.Linear):
    """A linear layer whose argument has the name of the input."""

    def forward(self, numeric: Tensor) -> Tensor:
        return super().forward(numeric)


def linear_model(device: torch.device) -> Named:
    torch.manual_seed(0)
    return Named(16, 4).to(device)


def own_scales(batches: list[Batch], device: torch.device) -> tuple[list[float], list[Tensor]]:
    """Return the loss scale after every step of ours, and the weights at the end."""
    model = linear_model(device)
    precision = Precision(model, resolve_opt_level(AmpConfig("O1", dtype="fp16"), device))
    optimizer = torch.optim.SGD(precision.parameters, lr=1e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    loss = CrossEntropy(n_classes=4, class_counts=[1] * 4).to(device)
    it, scales = Learner(model, loss, optimizer, schedule, precision), [precision.scaler.scale]
    totals = Totals.start(device)
    with training(model):
        for batch in batches:
            train_step(it, [batch], None, totals)
            scales.append(precision.scaler.scale)
    return scales, list(model.parameters())


def torch_scales(batches: list[Batch], device: torch.device) -> tuple[list[float], list[Tensor]]:
    """Return the same of a plain loop with torch's own scaler."""
    model, grad_scaler = linear_model(device), torch.amp.GradScaler(device.type, init_scale=2.0**16)
    optimizer, scales = torch.optim.SGD(model.parameters(), lr=1e-3), [2.0**16]
    for batch in batches:
        optimizer.zero_grad()
        with torch.autocast(device.type, dtype=torch.float16):
            logits = model(**batch.inputs)
        loss = F.cross_entropy(logits.float(), batch.target)
        torch.autograd.backward(grad_scaler.scale(loss))
        grad_scaler.step(optimizer)
        grad_scaler.update()
        scales.append(float(grad_scaler.get_scale()))
    return scales, list(model.parameters())
