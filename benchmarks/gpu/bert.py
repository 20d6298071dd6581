"""BERT-base on batches of 24 x 512 tokens: tokens per second and memory, beside a plain loop and the Trainer of HF."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.gpu.rows import NeedsCardError, Row, peak_words, start_peak, step_seconds, wait
from trainer.config.schema import AmpConfig
from trainer.data.loading.batches import Batch
from trainer.engine.loops import Learner, Totals, train_step
from trainer.engine.modes import training
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.engine.precision.precision import Precision
from trainer.losses.ce import CrossEntropy
from trainer.models.transformer import Transformer

LR = 2e-5


class Shape(NamedTuple):
    """How large the model and a batch are, and how many steps are timed after as many as warm up."""

    rows: int
    tokens: int
    config: dict[str, int]
    warm_up: int
    steps: int


BASE = Shape(24, 512, {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}, 5, 10)
SMALL = Shape(
    4, 16, {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}, 1, 2
)


def bert(device: torch.device) -> Iterator[Row]:
    """O0-O2 in Foldwise, in a plain loop, and in transformers' Trainer, on the same batch."""
    shape = BASE if device.type == "cuda" else SMALL
    batch, on_cuda = some_batch(shape, device), device.type == "cuda"
    half = "fp16" if on_cuda else "bf16"  # float16 is slow on a CPU
    for level in ("O0", "O1", "O2"):
        yield measured_row(f"Foldwise, {level}", lambda level=level: foldwise(shape, batch, level, half), shape, device)
    yield measured_row("plain loop, float32", lambda: plain(shape, batch, None), shape, device)
    yield measured_row(f"plain loop, autocast {half}", lambda: plain(shape, batch, half), shape, device)
    for kind in (None, half):
        yield hf_row(shape, batch, kind, device)


def measured_row(what: str, make: Callable[[], Callable[[], object]], shape: Shape, device: torch.device) -> Row:
    """Measure the step that ``make`` returns."""
    start_peak(device)
    seconds = step_seconds(make(), device, steps=shape.steps, warm_up=shape.warm_up)
    return speed_row(what, seconds, shape, device)


def speed_row(what: str, seconds: float, shape: Shape, device: torch.device) -> Row:
    tokens = shape.rows * shape.tokens / seconds
    return Row(what, f"{1e3 * seconds:.1f} ms / step, {tokens:,.0f} tokens / s{peak_words(device)}", None)


def some_batch(shape: Shape, device: torch.device) -> Batch:
    """Return random tokens, none of them padding."""
    tokens_BT = torch.randint(1, 1000, (shape.rows, shape.tokens), generator=torch.Generator().manual_seed(0))
    tokens_BT = tokens_BT.to(device)
    inputs = {"input_ids": tokens_BT, "attention_mask": torch.ones_like(tokens_BT)}
    rows_B = torch.arange(shape.rows, device=device)
    weights_B = torch.ones(shape.rows, device=device)
    return Batch(inputs, rows_B % 2, weights_B, rows_B, unweighted=True)


def fresh_model(shape: Shape, device: torch.device) -> Transformer:
    """Return BERT with weights from a seed."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.json"
        file.write_text(json.dumps({"model_type": "bert", **shape.config}), encoding="utf-8")
        return Transformer(str(file), 2).to(device)


def foldwise(shape: Shape, batch: Batch, level: str, half: str) -> Callable[[], object]:
    """Return a step of ours."""
    device = batch.target.device
    precision = Precision(fresh := fresh_model(shape, device), resolve_opt_level(AmpConfig(level, dtype=half), device))
    optimizer = torch.optim.AdamW(precision.parameters, lr=LR, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    it = Learner(fresh, CrossEntropy(n_classes=2, class_counts=[1, 1]).to(device), optimizer, schedule, precision)
    totals = Totals.start(device)

    def step() -> None:
        with training(it.model):
            train_step(it, [batch], None, totals)

    return step


def plain(shape: Shape, batch: Batch, half: str | None) -> Callable[[], object]:
    """Return a step of the least possible."""
    device = batch.target.device
    model = fresh_model(shape, device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, fused=True)
    scaler = torch.amp.GradScaler(device.type, enabled=half == "fp16")
    dtype = torch.float16 if half == "fp16" else torch.bfloat16

    def step() -> None:
        with torch.autocast(device.type, dtype=dtype, enabled=half is not None):
            logits = model(**batch.inputs)
        torch.autograd.backward(scaler.scale(F.cross_entropy(logits.float(), batch.target)))
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)

    return step


def hf_row(shape: Shape, batch: Batch, half: str | None, device: torch.device) -> Row:
    """Measure transformers' Trainer; where its packages are missing, the row says so."""
    what = f"Trainer of transformers, {half or 'float32'}"
    start_peak(device)
    try:
        return speed_row(what, hf_seconds(shape, batch, half), shape, device)
    except (ImportError, NeedsCardError) as error:
        return Row(what, f"not measured: {str(error).strip().splitlines()[0]}", None)


def hf_seconds(shape: Shape, batch: Batch, half: str | None) -> float:
    """Return the time of one step, from its first timed to its last."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    device, ends = batch.target.device, list[float]()

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            wait(device)
            ends.append(time.perf_counter())

    tokens = {name: value.cpu() for name, value in batch.inputs.items()}
    rows = [{**{name: value[row] for name, value in tokens.items()}, "labels": row % 2} for row in range(shape.rows)]
    n_steps = shape.warm_up + shape.steps
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=n_steps,
            per_device_train_batch_size=shape.rows,
            learning_rate=LR,
            lr_scheduler_type="constant",
            max_grad_norm=0.0,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=device.type == "cpu",
            fp16=half == "fp16",
            bf16=half == "bf16",
            remove_unused_columns=False,
        )
        model = WithLoss(fresh_model(shape, device))
        Trainer(model, arguments, train_dataset=rows, callbacks=[Clock()]).train()
    return (ends[-1] - ends[shape.warm_up - 1]) / shape.steps


class WithLoss(nn.Module):
    """What the Trainer of transformers takes: a model that returns its own loss."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, labels: Tensor, num_items_in_batch: object = None, **inputs: Tensor) -> dict[str, Tensor]:
        logits = self.model(**inputs)
        return {"loss": F.cross_entropy(logits.float(), labels), "logits": logits}
