"""The shape of a configuration: closed sections typed, open sections as mappings.

Plain dataclasses; ``compose.py`` registers them with Hydra, so an unknown key or a wrong type in a closed
section fails at composition. Beside each type stands what its values may be (``bounds.py`` checks it) and what the
option is, as ``docs/reference/options.md`` shows it. The open sections name their class with ``_target_``.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any

from trainer.config.bounds import Several, above, at_least, between, one_of
from trainer.config.budget import BudgetConfig
from trainer.config.cv import CvConfig
from trainer.config.executor import ExecutorConfig
from trainer.config.pseudo import PseudoConfig
from trainer.config.sampler import SamplerConfig
from trainer.config.search import SearchConfig
from trainer.system.paths import PATH
from trainer.wording.translations import N_

OPEN_SECTIONS = ("data", "model", "loss", "optimizer", "scheduler")
LISTED_SECTIONS = ("tracker", "tricks")  # any number of open sections, by name
YEAR_SECONDS = 31_536_000  # a wait longer than that overflows the system's timers
CAST_TYPES = ("float32", "half", "fp32", "fp16", "bf16")


@dataclass
class AmpConfig:
    """Mixed precision: apex's levels and their overrides (null = the level's own value)."""

    opt_level: Annotated[
        str,
        one_of("O0", "O1", "O2", "O3", hint=N_("the letter O, upper case, then a digit")),
        "O0 = float32, O1 = autocast, O2 = half model with float32 master weights, O3 = half all through",
    ] = "O0"
    backend: Annotated[str, one_of("auto", "native", "apex"), "whose implementation; auto = native"] = "auto"
    dtype: Annotated[str, one_of("auto", "fp16", "bf16"), "the half type; auto = fp16 on CUDA, bf16 on the CPU"] = (
        "auto"
    )
    cast_model_type: Annotated[
        str | None, one_of(*CAST_TYPES), "type of the model's weights and inputs; null = the level's own"
    ] = None
    keep_batchnorm_fp32: Annotated[bool | None, "batch norm in float32 in a half model; null = the level's own"] = None
    master_weights: Annotated[
        bool | None, "float32 copy of half weights that the optimizer updates; null = the level's own"
    ] = None
    loss_scale: Annotated[str | None, "dynamic, or a positive number; null = the level's own"] = None


@dataclass
class FitConfig:
    """What one optimizer step does, and when a fold ends early."""

    accumulate_steps: Annotated[int, at_least(1), "batches whose gradients make one step"] = 1
    clip_norm: Annotated[float | None, above(0), "largest norm of all gradients together; null = not clipped"] = None
    ema_decay: Annotated[
        float | None,
        between(0, 1, "[)"),
        "of the moving average of the weights, which is then what is scored; null = none",
    ] = None
    warmup_steps: Annotated[int, at_least(0), "steps in which the learning rate rises to its value"] = 0
    warmup_ratio: Annotated[
        float, between(0, 1, "[)"), "share of the fold's steps to warm up in, instead of warmup_steps"
    ] = 0.0
    patience_epochs: Annotated[
        int | None, at_least(1), "a fold ends after so many epochs that are no better; null = never early"
    ] = None
    head_lr: Annotated[float | None, above(0), "learning rate of the model's head; null = optimizer.lr"] = None
    layer_decay: Annotated[
        float | None, between(0, 1, "(]"), "the k-th layer below the head learns at optimizer.lr * layer_decay**k"
    ] = None
    decay_norms: Annotated[bool, "false = no weight decay on biases and normalisation layers"] = True
    freeze_epochs: Annotated[
        int | str, at_least(0), one_of("all"), "epochs in which the head alone is trained; all = in every epoch"
    ] = 0
    unfreeze_layers: Annotated[
        int | None, at_least(1), "thaw so many layers per epoch after that, from the top; null = all at once"
    ] = None
    mixup_alpha: Annotated[
        float, at_least(0), "of Beta(alpha, alpha), the share in which two rows are mixed; 0 = not mixed"
    ] = 0.0
    cutmix_alpha: Annotated[float, at_least(0), "the same for pasting a box of another image"] = 0.0


@dataclass
class MetricsConfig:
    """Which metrics are reported; the first picks the epoch. An empty list means the task's own."""

    names: Annotated[list[str], "metrics, the primary one first; [] = those of the task"] = field(default_factory=list)


@dataclass
class ProfileConfig:
    """The profile at start."""

    enabled: Annotated[bool, "whether parameters, FLOPs, memory and time are estimated before training"] = True
    only: Annotated[bool, "stop after it"] = False
    steps: Annotated[int, between(1, 1000, "[]"), "training steps measured for the cost estimate"] = 3
    top: Annotated[int, at_least(0), "rows of the module table"] = 10


@dataclass
class InitConfig:
    """Weights to start from instead of fresh ones, in every fold the same."""

    path: Annotated[
        str | None, PATH, "file of weights: .pt .pth .bin .ckpt .safetensors, relative to where the command is typed"
    ] = None
    min_match: Annotated[
        float,
        between(0, 1, "(]"),
        "least share of the backbone's parameters (all but a head of another size) to fit",
    ] = 0.9
    prefix: Annotated[str | None, "of the names to take, where several parts of the file fit"] = None


@dataclass
class CheckpointConfig:
    """When a fold in training is saved, and what is kept of a finished one."""

    every_n_steps: Annotated[int | None, at_least(1), "save every so many optimizer steps; null = not by steps"] = None
    every_n_epochs: Annotated[int | None, at_least(1), "save every so many epochs; null = not by epochs"] = None
    every_minutes: Annotated[float | None, above(0), "save every so many minutes; null = not by time"] = 2.0
    background: Annotated[bool, "write while the next steps run"] = True
    keep_final: Annotated[bool, "keep the training state of a finished fold, to train it longer later"] = False
    save_weights: Annotated[bool, "write the weights of each finished fold"] = True
    format: Annotated[
        str, one_of("safetensors", "zip", "legacy"), "of those weights; legacy = for torch before 1.6"
    ] = "safetensors"


@dataclass
class RuntimeConfig:
    """How the process runs; nothing here changes the numbers except ``threads`` and ``compile``."""

    threads: Annotated[
        int | None,
        between(1, 1024, "[]"),
        "torch threads; null = one for a small model on the CPU, else torch's own choice",
    ] = None
    progress: Annotated[
        str, one_of("auto", "rich", "plain", "off"), "bars, lines or nothing; auto = bars on a terminal"
    ] = "auto"
    compile: Annotated[bool, "call the model through torch.compile"] = False
    loader_timeout_seconds: Annotated[
        float, between(0, YEAR_SECONDS, "(]"), "a loader process (num_workers) silent for longer ends the run"
    ] = 60.0
    stall_timeout_seconds: Annotated[
        float,
        between(0, YEAR_SECONDS, "(]"),
        "a process of cv.parallel that neither reports nor computes for longer is ended",
    ] = 300.0


@dataclass
class ReportConfig:
    """How the report is written."""

    language: Annotated[
        str, one_of("auto", "en", "zh"), "of report.html; auto = that of the messages (FOLDWISE_LANG, LANG)"
    ] = "auto"


@dataclass
class PathsConfig:
    """Where results go."""

    runs: Annotated[str, PATH, "directory of the run directories"] = "runs"
    cache: Annotated[
        str | None,
        PATH,
        "directory of what is computed once from the data (tokens, features); null = .cache in paths.runs",
    ] = None
    mirror: Annotated[
        str | None,
        "address (s3://bucket/runs, file:///folder, ...) below which a copy of the run is kept up while it trains",
    ] = None

    @property
    def cache_directory(self) -> str:
        """The directory of what is computed once from the data, whether it was named or not."""
        return self.cache or f"{self.runs}/.cache"


@dataclass
class RunConfig:
    """One whole run."""

    run: Annotated[str | None, "name of the run directory; null = made of data, model, loss, amp and the time"] = None
    resume: Annotated[
        str,
        one_of("auto", "must", "never", "wait"),
        "whether to resume a run that is there; wait = also wait for folds that others train",
    ] = "auto"
    force_resume: Annotated[bool, "go on although something that alters the numbers has changed"] = False
    seed: Annotated[
        Any,
        at_least(0),
        Several(),
        "of weights, batches and augmentation, with repeat and fold; a list trains the same folds once for each",
    ] = 42
    max_epochs: Annotated[int, between(1, 10**9, "[]"), "epochs of each fold"] = 20
    batch_size: Annotated[int, at_least(1), "rows of a batch"] = 32
    device: Annotated[str, "auto, cpu, cuda or cuda:N; auto = cuda where there is one"] = "auto"
    num_workers: Annotated[
        int, between(0, 1024, "[]"), "processes that read rows which do not fit in memory; 0 = none"
    ] = 0
    audit: Annotated[
        str,
        one_of("warn", "strict", "off"),
        "look for what makes the scores too good; strict = end with exit code 3 on a leak",
    ] = "warn"
    baseline: Annotated[
        str,
        one_of("auto", "linear", "boosting", "off"),
        "quick models on the same folds to compare with; auto = those that fit in a tenth of the training time",
    ] = "auto"
    preflight: Annotated[bool, "try model and loss on one batch before training"] = True
    plugins: Annotated[list[str], "packages of your own that _target_ may name; on the command line only"] = field(
        default_factory=list
    )
    paths: PathsConfig = field(default_factory=PathsConfig)
    report: ReportConfig = field(default_factory=ReportConfig)
    data: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    loss: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    scheduler: dict[str, Any] = field(default_factory=dict)
    init: InitConfig = field(default_factory=InitConfig)
    cv: CvConfig = field(default_factory=CvConfig)
    amp: AmpConfig = field(default_factory=AmpConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    profile: ProfileConfig = field(default_factory=ProfileConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    executor: ExecutorConfig = field(default_factory=ExecutorConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    pseudo: PseudoConfig = field(default_factory=PseudoConfig)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    tracker: dict[str, Any] = field(default_factory=dict)  # name -> section with _target_
    tricks: dict[str, Any] = field(default_factory=dict)  # likewise
