"""What a step on a card must not do, and what it may gain: no waiting, pinned copies, channels last, graphs, memory."""

import copy
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.amp_parity import CASES, DTYPES, LEVELS, Case, learner, on_device, order
from benchmarks.gpu.rows import Row, in_turns, require_card
from trainer.data.loading.batches import Batch, TrainingSet
from trainer.data.loading.streamed import StreamedRows
from trainer.engine.fit_state import FitState, Selection
from trainer.engine.loops import Learner, Totals, train_step
from trainer.engine.modes import training
from trainer.engine.snapshot import capture, first_difference, restore
from trainer.engine.stepwise import epoch_steps, take_all
from trainer.models.image_cnn import ImageCNN
from trainer.models.image_networks import network_input
from trainer.models.mlp import MLP
from trainer.profiler.model import profile_model

MEMORY_RATIO = 1.25  # estimate and measured may differ by so much


def no_waiting(device: torch.device) -> Iterator[Row]:
    """Steps, batches included, in which the processor never waits for the card; float16 may look for an overflow."""
    require_card(device)
    case = CASES[0]
    data = on_device(case.data(False), device)
    for dtype in DTYPES:
        for level in LEVELS:
            it, totals = learner(case, level, dtype, device), Totals.start(device)
            looks = int(it.precision.scaler.dynamic)
            with training(it.model):
                train_step(it, [data.batch(order(len(data), 0)[0])], None, totals)
                waits = waits_in(lambda it=it, totals=totals: train_two(it, data, totals))
            found = f"{len(waits) / 2:g} waits in a step" + (f": {waits[0]}" if waits else "")
            yield Row(f"{level} {dtype}", f"{found}, at most {looks} wanted", len(waits) <= 2 * looks)


def train_two(it: Learner, data: TrainingSet, totals: Totals) -> None:
    for batch in data.batches(order(len(data), 0)[1:3], key=None):
        train_step(it, [batch], None, totals)


def waits_in(steps: Callable[[], object]) -> list[str]:
    """Return what torch says of every call that waits for the card."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            steps()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return [str(each.message).splitlines()[0] for each in caught if "synchroniz" in str(each.message)]


class Noise:
    """Rows that are read one by one."""

    def __len__(self) -> int:
        return 64

    def read(self, row: int, random: np.random.Generator | None) -> dict[str, Tensor]:
        return {"image": torch.full((3, 64, 64), float(row))}


def pinned(device: torch.device) -> Iterator[Row]:
    """Batches that are read row by row come through pinned memory, and are the same values."""
    require_card(device)
    from torch.profiler import ProfilerActivity, profile

    rows, wanted = StreamedRows(Noise()).to(device), torch.arange(32)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        image_BCHW = rows.take(wanted)["image"]
        torch.cuda.synchronize()
    copies = sorted({event.key for event in seen.key_averages() if event.key.startswith("Memcpy HtoD")})
    only_pinned = bool(copies) and all("Pinned" in name for name in copies)
    yield Row("copies of a batch", ", ".join(copies) or "none seen", only_pinned)
    same = torch.equal(image_BCHW[:, 0, 0, 0].cpu(), wanted.float())
    yield Row("values of a batch", "the same" if same else "others", same)


def channels_last(device: torch.device) -> Iterator[Row]:
    """The convolutions of image_cnn, and of a ResNet-18 on a card, are given the channels last; what that gains."""
    model, seen = ImageCNN(3, 4).to(device), list[bool]()
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(lambda layer, given: seen.append(is_channels_last(given[0])))
    model(torch.rand(4, 3, 32, 32, device=device))
    yield Row("image_cnn", f"{sum(seen)} of {len(seen)} convolutions have the channels last", all(seen))
    if device.type != "cuda":
        return
    from torchvision.models import resnet18

    network = resnet18(num_classes=4).to(device)
    image_BCHW, target_B = torch.rand(64, 3, 224, 224, device=device), torch.arange(64, device=device) % 4

    def step(prepared: Callable[[Tensor], Tensor]) -> None:
        with torch.autocast(device.type, dtype=torch.float16):
            loss = F.cross_entropy(network(prepared(image_BCHW)), target_B)
        torch.autograd.backward(loss)

    last, first = in_turns(
        lambda: step(lambda image: network_input(image, repeats=False)),
        lambda: step(lambda image: image),
        device,
        steps=10,
    )
    figures = f"{1e3 * last:.1f} ms with the channels last, {1e3 * first:.1f} ms without"
    yield Row("resnet18 64 x 224 x 224, autocast fp16, forward and backward", figures, last <= 1.02 * first)


def is_channels_last(image_BCHW: Tensor) -> bool:
    return image_BCHW.is_contiguous(memory_format=torch.channels_last)


def resume(device: torch.device) -> Iterator[Row]:
    """A fold that is stopped in an epoch and goes on from its snapshot: the bits of one that was not stopped."""
    for case in CASES if device.type == "cuda" else CASES[:1]:
        for level in LEVELS[:3]:
            dtype = "fp16" if device.type == "cuda" else "bf16"
            whole, halves = snapshots(case, level, dtype, device)
            difference = first_difference(whole, halves)
            yield Row(f"{case.name}, {level} {dtype}", difference or "same bits", difference is None)


def snapshots(case: Case, level: str, dtype: str, device: torch.device) -> tuple[object, object]:
    """Return the whole state after eight steps in one go, and after twice four."""
    data = on_device(case.data(False), device)
    batches = order(len(data), 0)[:8]

    def taken(it: Learner, progress: FitState, first: int, end: int) -> dict[str, Any]:
        some, totals = data.batches(batches[first:end], key=None), progress.totals
        take_all(epoch_steps(it, some, totals, accumulate_steps=1, clip_norm=None, on_step=lambda totals: None))
        return capture(it, progress)

    def fresh() -> tuple[Learner, FitState]:
        it = learner(case, level, dtype, device)
        it.model = Dropping(it.model)
        return it, FitState(Totals.start(device), Selection("accuracy", None))

    whole = taken(*fresh(), 0, 8)
    half = taken(*fresh(), 0, 4)
    it, progress = fresh()
    torch.manual_seed(1)  # what is restored must not be there already
    restore(half, it, progress)
    return whole, taken(it, progress, 4, 8)


class Dropping(nn.Module):
    """A model whose logits are dropped at random while it trains: numbers that are drawn on the device."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, **inputs: Tensor) -> Tensor:
        return F.dropout(self.model(**inputs), 0.2, self.training)


def graphs(device: torch.device) -> Iterator[Row]:
    """A prototype: Foldwise has no CUDA graphs. A whole step of a small model, captured and played again."""
    require_card(device)
    torch.manual_seed(0)
    model = MLP(64, 10, hidden=(256, 256), dropout=0.0).to(device)
    twin = copy.deepcopy(model)
    numeric_BF, target_B = torch.rand(32, 64, device=device), torch.arange(32, device=device) % 10

    def step_of(network: nn.Module) -> Callable[[], None]:
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, capturable=True)

        def step() -> None:
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(F.cross_entropy(network(numeric_BF), target_B))
            optimizer.step()

        return step

    eager, captured, graph = step_of(model), step_of(twin), torch.cuda.CUDAGraph()
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            captured()
    torch.cuda.current_stream().wait_stream(beside)
    with torch.cuda.graph(graph):
        captured()
    for _ in range(3):
        eager()
    for _ in range(5):
        graph.replay()
        eager()
    torch.cuda.synchronize()
    same = all(map(torch.equal, model.parameters(), twin.parameters()))
    yield Row("prototype: weights after 8 steps", "same bits as eager" if same else "other bits than eager", same)
    played, ran = in_turns(graph.replay, eager, device, steps=100)
    yield Row("prototype: a step of the MLP", f"{1e6 * played:.0f} us as a graph, {1e6 * ran:.0f} us eager", None)


def memory(device: torch.device) -> Iterator[Row]:
    """The peak of a training step as it is estimated from its parts, against the one that is measured."""
    require_card(device)
    for case in CASES:
        data = on_device(case.data(True), device)
        batch = data.batch(np.arange(min(1024, len(data))))
        for level in ("O0", "O1"):
            step = StepOfCopy(case, level, batch)
            profile = profile_model(learner(case, level, "fp16", device, wide=True).model, batch.inputs, step, steps=3)
            parts = (profile.grad_bytes, profile.optimizer_bytes or 0, profile.activation_bytes or 0)
            estimate, measured = profile.param_bytes + sum(parts), profile.peak_bytes or 0
            ratio = estimate / max(1, measured)
            words = f"estimate {estimate / 2**20:.0f} MiB, measured {measured / 2**20:.0f} MiB, ratio {ratio:.2f}"
            good = profile.peak_measured and 1 / MEMORY_RATIO <= ratio <= MEMORY_RATIO
            yield Row(f"{case.name}, {level}", "; ".join((words, *profile.problems)), good)


class StepOfCopy:
    """A training step on whatever copy of the model it is given."""

    def __init__(self, case: Case, level: str, batch: Batch) -> None:
        self.case, self.level, self.batch, self.learners = case, level, batch, dict[int, Learner]()

    def __call__(self, model: nn.Module) -> None:
        device = self.batch.target.device
        if id(model) not in self.learners:
            self.learners[id(model)] = learner(self.case, self.level, "fp16", device, model=model)
        with training(model):
            train_step(self.learners[id(model)], [self.batch], None, Totals.start(device))
