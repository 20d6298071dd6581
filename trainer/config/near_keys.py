"""The keys there are, and the one that a mistyped, shortened or foreign one most likely stands for."""

from dataclasses import fields, is_dataclass
from functools import cache

import yaml

from trainer.config.cv import InnerConfig
from trainer.config.keys import CONF, choices, flatten
from trainer.config.schema import OPEN_SECTIONS, RunConfig
from trainer.errors import close_names, did_you_mean
from trainer.wording.translations import _

ELSEWHERE = {  # what other programs call it -> here
    **dict.fromkeys(("epochs", "epoch", "n_epochs", "num_epochs", "num_train_epochs"), "max_epochs"),
    **dict.fromkeys(("learning_rate", "base_lr", "lr"), "optimizer.lr"),
    **dict.fromkeys(("folds", "fold_count", "n_folds", "num_folds", "k", "kfold", "kfolds", "splits"), "cv.n_splits"),
    **dict.fromkeys(("workers", "n_workers", "loader_workers"), "num_workers"),
    **dict.fromkeys(("bs", "batch", "per_device_train_batch_size", "train_batch_size"), "batch_size"),
    **dict.fromkeys(("random_seed", "random_state", "manual_seed"), "seed"),
    **dict.fromkeys(("gpu", "gpus", "cuda", "accelerator"), "device"),
    **dict.fromkeys(("name", "run_name", "exp_name"), "run"),
    **dict.fromkeys(("output", "output_dir", "out", "out_dir", "save_dir", "log_dir"), "paths.runs"),
    **dict.fromkeys(("file", "csv", "input", "data_path", "data_dir", "train_file", "dataset"), "data.path"),
    **dict.fromkeys(("target", "y", "label_column", "target_column"), "data.label"),
    **dict.fromkeys(("metric", "scoring", "eval_metric"), "metrics.names"),
    **dict.fromkeys(("patience", "early_stopping", "early_stopping_patience"), "fit.patience_epochs"),
    **dict.fromkeys(("warmup", "num_warmup_steps"), "fit.warmup_steps"),
    **dict.fromkeys(("grad_clip", "max_grad_norm", "gradient_clip_val"), "fit.clip_norm"),
    **dict.fromkeys(("gradient_accumulation_steps", "accumulate_grad_batches"), "fit.accumulate_steps"),
    **dict.fromkeys(("weights", "pretrained_weights", "ckpt", "init_checkpoint"), "init.path"),
    **dict.fromkeys(("criterion", "loss_fn"), "loss"),
    **dict.fromkeys(("opt", "optim"), "optimizer"),
    **dict.fromkeys(("sched", "lr_scheduler"), "scheduler"),
    **dict.fromkeys(("fp16", "bf16", "precision", "opt_level"), "amp"),
    **dict.fromkeys(("hidden_size", "hidden_dim", "hidden_units", "hidden_layer_sizes"), "model.hidden"),
    **dict.fromkeys(("class_weight", "class_weights", "pos_weight", "scale_pos_weight"), "loss.class_weights"),
    **dict.fromkeys(("threads", "num_threads"), "runtime.threads"),
}


@cache
def known_keys() -> tuple[str, ...]:
    """Return every key of the closed sections, the groups and the top level, dotted."""
    keys = ["experiment", "debug"]
    for field in fields(RunConfig):
        keys.append(field.name)
        default = getattr(RunConfig(), field.name)
        if is_dataclass(default):
            keys += [f"{field.name}.{inner.name}" for inner in fields(default)]
    return (*keys, *(f"cv.inner.{inner.name}" for inner in fields(InnerConfig)))


@cache
def open_keys() -> tuple[str, ...]:
    """Return every key that a file of conf/ sets in the open sections, dotted."""
    found = []
    for group in ("data/preprocess", *OPEN_SECTIONS):
        for path in sorted((CONF / group).glob("*.yaml")):
            written = yaml.safe_load(path.read_text(encoding="utf-8"))
            keys = flatten(written.get(group, written))
            found += [f"{group.replace('/', '.')}.{key}" for key in keys if key not in ("_target_", "defaults")]
    return tuple(dict.fromkeys(found))


def is_known(key: str) -> bool:
    """Return whether an option or a group has this name."""
    return key in known_keys() or key in open_keys() or bool(choices(key))


def nearest_key(word: str) -> str | None:
    """Return the key that a word most likely stands for, or None.

    That is the key itself, what other programs call so, the key of a section by its last part (``lr``), or a close one.
    """
    known = (*known_keys(), *open_keys())
    if is_known(word):
        return word
    for key in (word, word.rpartition(".")[2]):
        if key in ELSEWHERE:
            return ELSEWHERE[key]
    last = [key for key in known if key.rpartition(".")[2] == word]
    close = close_names(word, known_keys())
    if last or close:
        return (last or close)[0]
    parts = close_names(word, [key.rpartition(".")[2] for key in known], 0.75)
    return next(key for key in known if key.rpartition(".")[2] == parts[0]) if parts else None


def unknown_key(key: str) -> str:
    """Return the line for a key that there is not, with the one that is most likely meant."""
    near = nearest_key(key)
    hint = did_you_mean(key, known_keys(), _) if near is None else _(": did you mean '{close}'?").format(close=near)
    return _("{key}: unknown key{hint}").format(key=key, hint=hint)
