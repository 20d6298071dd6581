"""The shape of a configuration: closed sections typed, open sections as mappings.

Plain dataclasses; ``compose.py`` registers them with Hydra, so an unknown key or a wrong type in a closed
section fails at composition. The open sections (data, model, loss, optimizer, scheduler) name their class with
``_target_`` and are checked by ``build.py``.
"""

from dataclasses import dataclass, field
from typing import Any

OPEN_SECTIONS = ("data", "model", "loss", "optimizer", "scheduler")
LISTED_SECTIONS = ("tracker",)  # any number of open sections, by name


@dataclass
class InnerConfig:
    """Nested cross validation: folds inside each fold's training rows pick what the fold is trained with."""

    n_splits: int | None = None  # inner folds per fold; null = not nested
    grid: dict[str, Any] = field(default_factory=dict)  # dotted key -> values to choose from


@dataclass
class CvConfig:
    """How the rows are split and which epoch is scored."""

    strategy: str = "stratified"  # a file of trainer/folds
    n_splits: int = 5
    repeats: int = 1
    shuffle: bool = True
    random_state: int = 42
    fold: int | str | None = None  # run this fold only; all = fit on every row
    parallel: int | str = "auto"  # folds trained side by side; auto = as many as there are cores and memory for
    select: str = "last"  # last | inner | fold
    group: str | None = None  # auto_duplicates: copies and near copies of a row stay in one fold
    inner_fraction: float = 0.1  # share of the training rows that picks the epoch under select=inner
    inner: InnerConfig = field(default_factory=InnerConfig)
    rare: str = "refuse"  # refuse | merge | keep_in_train | allow: classes with fewer rows than folds
    gap: int = 0  # strategy=time: distinct times left out before each held-out part
    window: int | None = None  # strategy=time: most distinct times to train on; null = all that came before
    holdout_fraction: float = 0.2  # strategy=holdout: share of the rows held out
    path: str | None = None  # strategy=predefined: file of folds, relative to where the command is typed


@dataclass
class AmpConfig:
    """Mixed precision: apex's levels and their overrides (null = the level's own value)."""

    opt_level: str = "O0"
    backend: str = "auto"  # auto | native | apex
    dtype: str = "auto"  # auto | fp16 | bf16
    cast_model_type: str | None = None
    keep_batchnorm_fp32: bool | None = None
    master_weights: bool | None = None
    loss_scale: str | None = None  # "dynamic" or a number


@dataclass
class FitConfig:
    """What one optimizer step does, and when a fold ends early."""

    accumulate_steps: int = 1
    clip_norm: float | None = None
    ema_decay: float | None = None
    warmup_steps: int = 0
    warmup_ratio: float = 0.0  # share of the fold's steps to warm up in, instead of warmup_steps
    patience_epochs: int | None = None
    head_lr: float | None = None  # learning rate of the model's head; null = optimizer.lr
    layer_decay: float | None = None  # the k-th layer below the head learns at optimizer.lr * layer_decay**k
    decay_norms: bool = True  # false: no weight decay on biases and normalisation layers
    freeze_epochs: int | str = 0  # epochs in which the head alone is trained; all = in every epoch
    unfreeze_layers: int | None = None  # thaw so many layers per epoch after that, from the top; null = all at once
    mixup_alpha: float = 0.0  # of Beta(alpha, alpha), the share in which two rows are mixed; 0 = not mixed
    cutmix_alpha: float = 0.0  # the same for pasting a box of another image


@dataclass
class MetricsConfig:
    """Which metrics are reported; the first picks the epoch. An empty list means the task's own."""

    names: list[str] = field(default_factory=list)


@dataclass
class ProfileConfig:
    """The profile at start."""

    enabled: bool = True
    only: bool = False
    steps: int = 3  # training steps measured for the bill
    top: int = 10  # rows of the module table


@dataclass
class InitConfig:
    """Weights to start from instead of fresh ones, in every fold the same."""

    path: str | None = None  # .pt .pth .bin .ckpt .safetensors, relative to where the command is typed
    min_match: float = 0.9  # least share of the backbone's parameters (all but a head of other size) that must fit
    prefix: str | None = None  # of the names to take, where several parts of the file fit


@dataclass
class CheckpointConfig:
    """When a fold in training is saved, and what is kept of a finished one."""

    every_n_steps: int | None = None  # optimizer steps; null = not by steps
    every_n_epochs: int | None = None
    every_minutes: float | None = 2.0
    background: bool = True  # write while the next steps run
    keep_final: bool = False  # keep the training state of a finished fold, to train it longer later
    save_weights: bool = True
    format: str = "safetensors"  # safetensors | zip | legacy (for torch before 1.6)


@dataclass
class RuntimeConfig:
    """How the process runs; nothing here changes the numbers except ``threads`` and ``compile``."""

    threads: int | None = None  # torch threads; null = one for a small model on the CPU, else torch's own choice
    progress: str = "auto"  # auto | rich | plain | off
    compile: bool = False  # call the model through torch.compile
    loader_timeout_seconds: float = 60.0  # a loader process (num_workers) silent for longer ends the run


@dataclass
class PathsConfig:
    """Where results go."""

    runs: str = "runs"
    cache: str | None = None  # what is computed once from the data (tokens, features); null = .cache in paths.runs


@dataclass
class RunConfig:
    """One whole run."""

    run: str | None = None
    resume: str = "auto"  # auto | must | never: whether to go on with a run that is there
    force_resume: bool = False  # go on although something that alters the numbers has changed
    seed: int = 42
    max_epochs: int = 20
    batch_size: int = 32
    device: str = "auto"
    num_workers: int = 0
    audit: str = "warn"  # warn | strict | off: look for what makes the scores too good
    preflight: bool = True  # on | off: try model and loss on one batch before training
    plugins: list[str] = field(default_factory=list)
    paths: PathsConfig = field(default_factory=PathsConfig)
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
    tracker: dict[str, Any] = field(default_factory=dict)  # name -> section with _target_
