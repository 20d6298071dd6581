"""What the preflight must say about each broken model.

``python -m tests.engine.preflight.broken_cases`` prints docs/why/preflight.md, made of the real messages.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn

from tests.engine.preflight.broken_models import (
    N_CLASSES,
    N_FEATURES,
    BatchAttention,
    BroadcastingLoss,
    Empty,
    Frozen,
    LargeInside,
    MeanLoss,
    MixedTypes,
    NestedSoftmax,
    Net,
    TextNet,
    Unused,
    WithNorm,
    centred,
    changed,
    in_place,
    logits,
    make_batch,
    make_loss,
    make_probe,
    repeated,
    rooted,
    squeezed,
    to_eval,
)
from trainer.config.schema import AmpConfig
from trainer.engine.preflight.preflight import findings
from trainer.engine.preflight.probe import Mistake, ProbedModel
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL


@dataclass(frozen=True)
class Case:
    """One mistake.

    Attributes:
        mistake: in a person's words, for the table.
        model: makes it.
        loss: name, options.
        what: words the message must hold about what is wrong.
        where: words it must hold about the place.
        fix: words it must hold about the fix.
        task: of the data.
        is_error: else a warning.
        options: of the loss, or the loss itself under ``loss``.
        probe: other arguments of the probe.
    """

    mistake: str
    model: object
    loss: str
    what: str
    where: str
    fix: str
    task: str = MULTICLASS
    is_error: bool = True
    options: dict = field(default_factory=dict)
    probe: dict = field(default_factory=dict)

    def make(self) -> ProbedModel:
        torch.manual_seed(0)
        options = dict(self.options)
        loss = options.pop("loss", None) or make_loss(self.loss, self.task, **options)
        probe = {key: value() if callable(value) else value for key, value in self.probe.items()}
        return make_probe(self.model(), loss, self.task, **probe)

    def findings(self) -> list[Mistake]:
        """What the preflight says, up to the first error."""
        found = []
        for finding in findings(self.make()):
            found.append(finding)
            if finding.is_error:
                break
        return found


def bad_labels(task, value):
    batch = make_batch(task)
    batch.target[(5, 1) if batch.target.dim() == 2 else 5] = value
    return batch


def missing_values():
    batch = make_batch(MULTICLASS)
    batch.inputs["numeric"][3, 2] = float("nan")
    return batch


def unscaled():
    batch = make_batch(MULTICLASS)
    batch.inputs["numeric"].mul_(1000)
    return batch


def leaked():
    """The label is a feature, and the network below reads it."""
    batch = make_batch(MULTICLASS)
    batch.inputs["numeric"][:, :N_CLASSES] = F.one_hot(batch.target, N_CLASSES) * 1.0
    return batch


class Copies(nn.Module):
    """Starts from weights that read the label off the first features."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(N_FEATURES, N_CLASSES)
        with torch.no_grad():
            self.head.weight.copy_(8 * torch.eye(N_CLASSES, N_FEATURES))

    def forward(self, numeric):
        return self.head(numeric)


FP16_O3 = AmpConfig(opt_level="O3", dtype="fp16")
HALF_O2 = AmpConfig(opt_level="O2")

CASES = [
    Case("softmax before cross-entropy (a module)", lambda: Net(end=nn.Softmax(dim=1)), "ce",
         "softmax is applied twice", "module 'end' (Softmax)", "remove the softmax"),
    Case("softmax before focal loss (inside a Sequential)", NestedSoftmax, "focal",
         "softmax is applied twice", "module 'classifier.3' (Softmax)", "remove the softmax"),
    Case("softmax before nll (functional)", lambda: changed(lambda s, numeric: logits(s, numeric).softmax(1)), "nll",
         "softmax is applied twice", "the forward of Net itself", "remove the softmax"),
    Case("softmax before cross-entropy, two classes", lambda: Net(2, end=nn.Softmax(dim=-1)), "ce",
         "softmax is applied twice", "module 'end' (Softmax)", "remove the softmax", task=BINARY),
    Case("log-softmax before cross-entropy", lambda: Net(end=nn.LogSoftmax(dim=1)), "ce",
         "log-softmax is applied twice", "module 'end' (LogSoftmax)", "remove it", is_error=False),
    Case("log-softmax before nll", lambda: Net(end=nn.LogSoftmax(dim=1)), "nll",
         "log-softmax is applied twice", "module 'end' (LogSoftmax)", "loss.model_outputs_log_probs=true",
         is_error=False),
    Case("raw logits to a loss that wants log-probabilities", Net, "nll",
         "returns raw logits", "module 'head' (Linear)", "loss.model_outputs_log_probs=false",
         options={"model_outputs_log_probs": True}),
    Case("probabilities to a loss that wants log-probabilities", lambda: Net(end=nn.Softmax(dim=1)), "nll",
         "wants log-probabilities", "module 'end' (Softmax)", "log_softmax",
         options={"model_outputs_log_probs": True}),
    Case("sigmoid before bce", lambda: Net(1, end=nn.Sigmoid()), "bce",
         "sigmoid before the loss", "module 'end' (Sigmoid)", "remove the sigmoid", task=BINARY),
    Case("sigmoid before focal loss, multi-label (functional)",
         lambda: changed(lambda s, numeric: torch.sigmoid(logits(s, numeric))), "focal",
         "sigmoid before the loss", "the forward of Net itself", "remove the sigmoid", task=MULTILABEL),
    Case("sigmoid before cross-entropy", lambda: Net(end=nn.Sigmoid()), "ce",
         "stay within 0 and 1", "module 'end' (Sigmoid)", "remove the sigmoid"),
    Case("softmax over the batch", lambda: Net(end=nn.Softmax(dim=0)), "ce",
         "wrong dimension", "module 'end' (Softmax)", "not dim=0"),
    Case("log-softmax over the batch", lambda: Net(end=nn.LogSoftmax(dim=0)), "ce",
         "wrong dimension", "module 'end' (LogSoftmax)", "not dim=0"),
    Case("softmax on a multi-label task", lambda: Net(end=nn.Softmax(dim=1)), "bce",
         "softmax on a multi-label task", "module 'end' (Softmax)", "loss=bce applies a sigmoid", task=MULTILABEL),
    Case("log-softmax on a multi-label task", lambda: Net(end=nn.LogSoftmax(dim=1)), "bce",
         "log-softmax on a multi-label task", "module 'end' (LogSoftmax)", "raw logits", task=MULTILABEL),
    Case("softmax over one output", lambda: Net(1, end=nn.Softmax(dim=1)), "bce",
         "softmax over a single output", "module 'end' (Softmax)", "remove the softmax", task=BINARY),
    Case("wrong number of outputs", lambda: Net(7), "ce",
         "returns (16, 7) for 16 rows, loss=ce needs (16, 3)", "module 'head' (Linear)", "have 3 outputs"),
    Case("one output where two are needed", lambda: Net(1), "ce",
         "returns (16, 1) for 16 rows, loss=ce needs (16, 2)", "module 'head' (Linear)", "loss=bce", task=BINARY),
    Case("output (B,) where (B, 1) is needed", lambda: changed(squeezed, 1), "bce",
         "returns (16,) for 16 rows, loss=bce needs (16, 1)", "the forward of Net itself", "no squeeze", task=BINARY),
    Case("batch dimension lost by view(-1)", lambda: changed(lambda s, numeric: logits(s, numeric).view(-1)), "ce",
         "returns (48,) for 16 rows", "the forward of Net itself", "reshape(len(x), 3)"),
    Case("batch dimension summed away", lambda: changed(lambda s, numeric: logits(s, numeric).mean(0, True)), "ce",
         "returns (1, 3) for 16 rows", "the forward of Net itself", "dimension 0"),
    Case("one output per position", lambda: changed(repeated), "ce",
         "returns (16, 4, 3)", "module 'head' (Linear)", "pool or flatten"),
    Case("a tuple instead of logits", lambda: changed(lambda s, numeric: (logits(s, numeric), numeric)), "ce",
         "returns a tuple", "the forward of Net itself", ".logits"),
    Case("a squeeze that eats a batch of one row", lambda: changed(squeezed), "ce",
         "a batch of one row loses its dimension", "the forward of Net itself", "squeeze(1)"),
    Case("(B, 1) against (B,) in a loss of your own", lambda: Net(1), "own",
         "(B, 1) against (B,)", "BroadcastingLoss", "logits[:, 0]", task=BINARY,
         options={"loss": BroadcastingLoss()}),
    Case("a loss of your own that averages over the batch", lambda: Net(1), "own",
         "one value per row (16,)", "MeanLoss", "reduction='none'", task=BINARY, options={"loss": MeanLoss()}),
    Case("a model for texts on a table", TextNet, "ce",
         "the data gives numeric but TextNet.forward takes tokens", "no argument numeric; tokens would be missing",
         "model=mlp"),
    Case("a bare Sequential", lambda: nn.Sequential(nn.Linear(N_FEATURES, N_CLASSES)), "ce",
         "Sequential.forward takes input", "no argument numeric", "forward(self, numeric)"),
    Case("a layer that does not fit the data", lambda: changed(lambda s, numeric: s.body(numeric[:, :4])), "ce",
         "cannot run on a training batch: RuntimeError: mat1", "module 'body.0' (Linear)", "numeric (16, 6) float32"),
    Case("a label without an output", Net, "ce",
         "label 3 is out of range", "row 5", "number its classes from 0",
         probe={"batch": lambda: bad_labels(MULTICLASS, 3)}),
    Case("a negative label", Net, "ce",
         "label -1 is out of range", "row 5", "number its classes from 0",
         probe={"batch": lambda: bad_labels(MULTICLASS, -1)}),
    Case("a multi-label target of 2", Net, "bce",
         "label 2 is out of range", "row 5", "number its classes", task=MULTILABEL,
         probe={"batch": lambda: bad_labels(MULTILABEL, 2)}),
    Case("NaN in the inputs", Net, "ce",
         "the inputs hold NaN", "data after preprocessing", "data.preprocess", probe={"batch": missing_values}),
    Case("inputs that are not scaled", Net, "ce",
         "the loss before training is", "first batch of fold 0", "scale the inputs", is_error=False,
         probe={"batch": unscaled}),
    Case("a loss too good before training", Copies, "ce",
         "the loss before training is", "first batch of fold 0", "look for the label among the inputs",
         is_error=False, probe={"batch": leaked}),
    Case("a layer that is never used", Unused, "ce",
         "2 of 6 parameters get no gradient", "pooler.weight, pooler.bias", "freeze them", is_error=False),
    Case("detach in the middle", lambda: changed(lambda s, numeric: s.head(s.body(numeric).detach())), "ce",
         "2 of 4 parameters get no gradient", "body.0.weight, body.0.bias", "detach", is_error=False),
    Case("detach at the end", lambda: changed(lambda s, numeric: logits(s, numeric).detach()), "ce",
         "cut off from its parameters", "the forward of Net itself", "detach()"),
    Case("everything frozen", Frozen, "ce", "no parameter is trainable", "Frozen", "requires_grad"),
    Case("an operation in place that autograd needs", lambda: changed(in_place), "ce",
         "modified by an inplace operation", "backward pass", "replace the in-place operation"),
    Case("rows centred over the batch", lambda: changed(centred), "ce",
         "rows leak into each other", "the forward of Net itself", "never over dimension 0"),
    Case("BatchNorm without running statistics", lambda: WithNorm(track_running_stats=False), "ce",
         "rows leak into each other", "module 'norm' (BatchNorm1d)", "track_running_stats=True"),
    Case("attention over the batch (batch_first forgotten)", BatchAttention, "ce",
         "rows leak into each other", "module 'attention' (MultiheadAttention)", "batch_first=True"),
    Case("dropout that never turns off", lambda: changed(lambda s, numeric: s.head(F.dropout(s.body(numeric)))), "ce",
         "random in evaluation mode", "the forward of Net itself", "training=self.training", is_error=False),
    Case("eval() in the forward", lambda: changed(to_eval), "ce",
         "calls eval() in its own forward", "training flag of body, body.0, body.1", "remove the call", is_error=False),
    Case("BatchNorm and a last batch of one row", WithNorm, "ce",
         "97 training rows in batches of 32", "module 'norm' (BatchNorm1d)", "batch_size=33",
         probe={"train_sizes": (97, 96)}),
    Case("BatchNorm and batch_size=1", WithNorm, "ce",
         "training batch of one row", "module 'norm' (BatchNorm1d)", "batch_size=2", probe={"batch_size": 1}),
    Case("parameters left empty", Empty, "ce",
         "NaN or infinity before any training", "module 'head' (Linear)", "left empty"),
    Case("a square root at zero", lambda: changed(rooted), "ce",
         "gradients: NaN or infinity", "parameter body.0.weight", "add a small number"),
    Case("float16 overflow under O3", LargeInside, "ce",
         "outputs: NaN or infinity in a training step under amp=O3 (float16)", "module 'scale' (Linear)",
         "amp.dtype=bf16", probe={"amp": FP16_O3}),
    Case("float16 overflow under O1", LargeInside, "ce",
         "outputs: NaN or infinity in a training step under amp=O1 (float16)", "module 'scale' (Linear)",
         "amp.dtype=bf16, amp=O0", probe={"amp": AmpConfig(opt_level="O1", dtype="fp16")}),
    Case("a float32 tensor made in the forward, under O2", MixedTypes, "ce",
         "a training step fails under amp=O2 (bfloat16)", "module 'head' (Linear)", ".to(x.dtype)",
         probe={"amp": HALF_O2}),
]  # fmt: skip


def document() -> str:
    """docs/why/preflight.md."""
    rows = []
    for case in CASES:
        finding = next(f for f in case.findings() if f.is_error == case.is_error)
        cells = (case.mistake, "stops" if finding.is_error else "warns", finding.what, finding.where, finding.fix)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return HEAD + "\n".join(rows) + "\n"


HEAD = """\
# Preflight: what Foldwise says about a broken model

Before the first step one batch of fold 0 goes through the real model and loss, on a copy that is thrown away: in
evaluation mode, in training mode, and at the precision of the run. Mistakes that make training pointless stop the
run (exit code 2); the others are printed, kept in `manifest.json` and shown at the top of the report.
`preflight=off` skips it. It draws from its own random numbers: a run gives the same result with and without it.

When does the loss before training count as far off? Above what random logits with a standard deviation of 3 give, or
below half of what the best constant prediction gives; both are computed with the loss itself, so class weights,
focal's gamma and label smoothing are in them.

Every line below is what the deliberately broken models of `tests/engine/preflight/broken_cases.py` get to read. It
writes this page (`python -m tests.engine.preflight.broken_cases > docs/why/preflight.md`), and a test keeps the two
alike.

| mistake | | what is wrong | where | fix |
|---|---|---|---|---|
"""

if __name__ == "__main__":
    torch.set_num_threads(1)
    print(document(), end="")
