"""Do O0-O3 train alike? Three models at every level in float16 and bfloat16, against O0 and a plain torch loop.

    python -m benchmarks.amp_parity              # CPU: benchmarks/results/amp_parity_cpu.md
    python -m benchmarks.amp_parity --device cuda  # also time and peak memory of larger models: amp_parity_cuda.md

All levels of a model start from the same weights and see the same batches; SGD with momentum 0.9, its rate rising
for a fifth of the steps and then falling to zero. The loss is the mean training loss of the last epoch. Not Adam: its
second moment is a square, too small for float16, so under O3 it takes other steps than in float32, whatever its
epsilon. O3 in bfloat16 loses small updates: it is the one that drifts further the longer it trains.
"""

import argparse
import datetime
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR

from trainer.config.schema import AmpConfig
from trainer.data.loading.batch_order import training_order
from trainer.data.loading.batches import Batch, DenseRows, TrainingSet
from trainer.engine.loops import Learner, Totals, train_step
from trainer.engine.modes import training
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.engine.precision.precision import Precision
from trainer.engine.stepwise import epoch_steps, take_all
from trainer.losses.ce import CrossEntropy
from trainer.models.mlp import MLP
from trainer.models.text_cnn import TextCNN

REPOSITORY = Path(__file__).resolve().parent.parent
LEVELS = ("O0", "O1", "O2", "O3")
DTYPES = ("fp16", "bf16")
TOLERANCE = 0.02
BATCH = 64
VOCABULARY = 200

Order = list[NDArray[np.int64]]


class ConvNet(nn.Module):
    """Two convolutions with BatchNorm, mean over the picture, one linear layer."""

    def __init__(self, n_outputs: int, *, channels: int = 16) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
        )
        self.head = nn.Linear(2 * channels, n_outputs)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(image).mean(dim=(2, 3)))
        return logits


@dataclass(frozen=True)
class Case:
    """A model, its data and how long it trains.

    Attributes:
        name: shown.
        model: builds it; ``wide`` for the timing on a GPU.
        data: builds it; ``wide`` likewise.
        lr: of the first step.
        epochs: passes over the data, in batches of 64.
        steps: optimizer steps in all.
    """

    name: str
    model: Callable[[bool], nn.Module]
    data: Callable[[bool], TrainingSet]
    lr: float
    epochs: int
    steps: int


def digits(pictures: bool) -> TrainingSet:
    """scikit-learn's digits, scaled to [0, 1]: rows (N, 64) or pictures (N, 1, 8, 8)."""
    from sklearn.datasets import load_digits

    source = load_digits()
    whole = len(source.target) // BATCH * BATCH  # else an overflow in a last batch of 5 rows tells the levels apart
    values = torch.from_numpy(source.data[:whole]).float() / 16
    inputs = {"image": values.reshape(-1, 1, 8, 8)} if pictures else {"numeric": values}
    return TrainingSet(DenseRows(inputs), torch.from_numpy(source.target[:whole]).long(), torch.ones(whole))


def noise(inputs: dict[str, Tensor]) -> TrainingSet:
    """Wide inputs for timing; the labels mean nothing."""
    n_rows = len(next(iter(inputs.values())))
    return TrainingSet(DenseRows(inputs), torch.arange(n_rows) % 10, torch.ones(n_rows))


def sentences(n_rows: int = 1024, n_tokens: int = 20, n_classes: int = 4) -> TrainingSet:
    """Random tokens; each row's class shows in three tokens of its own, and one label in ten is wrong."""
    generator = torch.Generator().manual_seed(7)
    target = torch.randint(0, n_classes, (n_rows,), generator=generator)
    tokens = torch.randint(50, VOCABULARY, (n_rows, n_tokens), generator=generator)
    places = torch.rand(n_rows, n_tokens, generator=generator).argsort(dim=1)[:, :3]
    keywords = 1 + target[:, None] * 10 + torch.randint(0, 10, (n_rows, 3), generator=generator)
    tokens.scatter_(1, places, keywords)
    wrong = torch.rand(n_rows, generator=generator) < 0.1
    noisy = torch.where(wrong, torch.randint(0, n_classes, (n_rows,), generator=generator), target)
    return TrainingSet(DenseRows({"tokens": tokens}), noisy, torch.ones(n_rows))


CASES = (
    Case(
        "mlp",
        lambda wide: MLP(4096, 10, hidden=(4096,) * 4, dropout=0.0) if wide else MLP(64, 10, dropout=0.0),
        lambda wide: noise({"numeric": torch.randn(8192, 4096)}) if wide else digits(pictures=False),
        lr=0.1,
        epochs=3,
        steps=84,
    ),
    Case(
        "text_cnn",
        lambda wide: (
            TextCNN(VOCABULARY, 10, embedding_dim=512, filters=512, dropout=0.0)
            if wide
            else TextCNN(VOCABULARY, 4, embedding_dim=32, filters=16, dropout=0.0)
        ),
        lambda wide: noise({"tokens": torch.randint(1, VOCABULARY, (4096, 256))}) if wide else sentences(),
        lr=0.2,
        epochs=6,
        steps=96,
    ),
    Case(
        "conv + BatchNorm",
        lambda wide: ConvNet(10, channels=128 if wide else 8),
        lambda wide: noise({"image": torch.randn(2048, 1, 64, 64)}) if wide else digits(pictures=True),
        lr=0.2,
        epochs=4,
        steps=112,
    ),
)


@dataclass(frozen=True)
class Outcome:
    """What one level reached.

    Attributes:
        first_loss: mean training loss of the first epoch.
        loss: of the last.
        steps: optimizer steps taken.
        skipped: steps skipped for overflow.
        weights: what the optimizer stepped, float32.
    """

    first_loss: float
    loss: float
    steps: int
    skipped: int
    weights: Tensor


def learner(
    case: Case,
    opt_level: str,
    dtype: str,
    device: torch.device,
    *,
    wide: bool = False,
    model: nn.Module | None = None,
) -> Learner:
    """A fresh model under the level, always from the same weights; or the one that is given."""
    torch.manual_seed(0)
    model = case.model(wide).to(device) if model is None else model
    precision = Precision(model, resolve_opt_level(AmpConfig(opt_level, dtype=dtype), device))
    optimizer, scheduler = sgd(precision.parameters, case)
    n_classes = len(list(model.parameters())[-1])  # the last bias
    loss = CrossEntropy(n_classes=n_classes, class_counts=[1] * n_classes)
    return Learner(model, loss, optimizer, scheduler, precision)


def sgd(parameters: Sequence[nn.Parameter], case: Case) -> tuple[torch.optim.Optimizer, LambdaLR]:
    optimizer = torch.optim.SGD(parameters, lr=case.lr, momentum=0.9)
    rising = case.steps // 5
    return optimizer, LambdaLR(
        optimizer, lambda step: max(0.0, min((step + 1) / rising, (case.steps - step) / (case.steps - rising)))
    )


def on_device(data: TrainingSet, device: torch.device) -> TrainingSet:
    return TrainingSet(data.rows.to(device), data.target.to(device), data.weights_N.to(device))


def train(case: Case, opt_level: str, dtype: str, device: torch.device) -> Outcome:
    """Train a case at a level."""
    it, data = learner(case, opt_level, dtype, device), on_device(case.data(False), device)
    losses, steps = [], 0
    for epoch in range(case.epochs):
        totals, batches = Totals.start(device), data.batches(order(len(data), epoch), key=None)
        take_all(epoch_steps(it, batches, totals, accumulate_steps=1, clip_norm=None, on_step=lambda totals: None))
        losses.append(totals.mean())
        steps += totals.steps
    skipped = it.precision.scaler.skipped_steps
    return Outcome(losses[0], losses[-1], steps, skipped, flat(it.precision.parameters))


def order(n_rows: int, epoch: int) -> Order:
    return training_order(np.arange(n_rows), BATCH, (0, epoch), None)


def plain_torch(case: Case, device: torch.device) -> Tensor:
    """The weights that torch alone reaches: no level, no scaler, no loop of ours."""
    torch.manual_seed(0)
    model, data = case.model(False).to(device), on_device(case.data(False), device)
    optimizer, scheduler = sgd(list(model.parameters()), case)
    model.train()
    for epoch in range(case.epochs):
        for rows in order(len(data), epoch):
            batch = data.batch(rows)
            optimizer.zero_grad()
            losses = F.cross_entropy(model(**batch.inputs), batch.target, reduction="none")
            torch.autograd.backward(losses.sum() / len(rows))
            optimizer.step()
            scheduler.step()
    return flat(list(model.parameters()))


def flat(parameters: Sequence[Tensor]) -> Tensor:
    return torch.cat([p.detach().float().flatten().cpu() for p in parameters])


def parity_rows(device: torch.device) -> list[str]:
    """One table row per model, half type and level."""
    rows = []
    for case in CASES:
        reference = train(case, "O0", "fp16", device)
        rows.append(reference_row(case, reference, plain_torch(case, device)))
        print(rows[-1])
        for dtype in DTYPES:
            for level in LEVELS[1:]:
                rows.append(parity_row(case, level, dtype, train(case, level, dtype, device), reference))
                print(rows[-1])
    return rows


def reference_row(case: Case, reference: Outcome, by_torch: Tensor) -> str:
    exact = "same bits as torch alone" if torch.equal(reference.weights, by_torch) else "DIFFERS from torch alone"
    return table_row(case, "O0", "float32", reference, exact)


def parity_row(case: Case, level: str, dtype: str, found: Outcome, reference: Outcome) -> str:
    change = found.loss / reference.loss - 1
    return table_row(case, level, dtype, found, f"{change:+.2%}{' (more than 2 %)' if abs(change) > TOLERANCE else ''}")


def table_row(case: Case, level: str, dtype: str, found: Outcome, verdict: str) -> str:
    cells = [
        case.name,
        level,
        dtype,
        f"{found.first_loss:.4f}",
        f"{found.loss:.4f}",
        verdict,
        found.steps,
        found.skipped,
    ]
    return f"| {' | '.join(map(str, cells))} |"


def speed_rows(device: torch.device, steps: int = 30) -> list[str]:
    """One table row per wide model, half type and level: median milliseconds of a step and peak memory."""
    rows = []
    for case in CASES:
        data = on_device(case.data(True), device)
        batch = data.batch(np.arange(min(1024, len(data))))
        baseline = None
        for dtype, level in [("fp16", "O0"), *((dtype, level) for dtype in DTYPES for level in LEVELS[1:])]:
            it = learner(case, level, dtype, device, wide=True)
            torch.cuda.reset_peak_memory_stats(device)
            milliseconds = step_milliseconds(it, batch, steps)
            baseline = baseline or milliseconds
            peak = torch.cuda.max_memory_allocated(device) / 2**20
            half = "float32" if level == "O0" else dtype
            ratio = baseline / milliseconds
            rows.append(f"| {case.name} | {level} | {half} | {milliseconds:.2f} | {ratio:.2f} x | {peak:.0f} |")
            print(rows[-1])
            del it
            torch.cuda.empty_cache()
    return rows


def step_milliseconds(it: Learner, batch: Batch, steps: int) -> float:
    totals, found = Totals(torch.zeros((), device="cuda"), torch.zeros((), device="cuda")), []
    with training(it.model):
        for _ in range(steps + 10):
            torch.cuda.synchronize()
            started = time.perf_counter()
            train_step(it, [batch], None, totals)
            torch.cuda.synchronize()
            found.append(1e3 * (time.perf_counter() - started))
    return statistics.median(found[10:])


def report(device: torch.device, parity: Sequence[str], speed: Sequence[str]) -> str:
    on = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    lines = [
        f"# O0-O3 against O0: {on}",
        "",
        f"{datetime.date.today()}, torch {torch.__version__}, Python {platform.python_version()}; made by "
        f"`python -m benchmarks.amp_parity --device {device.type}`.",
        "",
        *(__doc__ or "").strip().splitlines()[-4:],
        "The aim: within 2 % of O0's loss, and O0 itself the same bits as a plain torch loop.",
        "",
        "| model | level | half type | loss, first epoch | loss, last epoch | against O0 | steps | skipped |",
        "|---|---|---|---|---|---|---|---|",
        *parity,
    ]
    if speed:
        lines += [
            "",
            "## Time and memory of one training step",
            "",
            "Wider models than above, batches of 1,024 rows, median of 30 steps after 10 to warm up.",
            "",
            "| model | level | half type | ms / step | speed-up | peak MiB |",
            "|---|---|---|---|---|---|",
            *speed,
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "benchmarks" / "results")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    text = report(device, parity_rows(device), speed_rows(device) if device.type == "cuda" else [])
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"amp_parity_{device.type}.md"
    path.write_text(text, encoding="utf-8")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
