"""Every documented option does something: it changes what a run writes, or what it prints. Long: ``make battery``.

Each is tried on tiny data, as it is and with another value. What changes neither bytes nor words should be told in a
line that names it (``trainer/run/without_effect.py``), be taken out, or stand in ``SILENT`` with its reason.
"""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from tests.picture_files import write_pictures
from trainer.config.bounds import options_of
from trainer.config.keys import CONF
from trainer.config.overrides import key_of
from trainer.config.reference import _yaml_options
from trainer.config.schema import OPEN_SECTIONS, RunConfig

COMMON = [
    "run=a",
    "max_epochs=2",
    "cv.n_splits=2",
    "tracker=none",
    "cv.parallel=1",
    "batch_size=16",
    "profile=off",
    "baseline=off",
]
IRIS = ["data=iris", "model.hidden=[8]"]
TABLE = ["data=csv_tabular", "data.path=table.csv", "model.hidden=[8]"]
TEXTS = ["data=csv_text", "data.path=texts.csv", "model=text_cnn", "model.embedding_dim=8"]
PICTURES = ["data=image_csv", "data.path=pictures.csv", "data.images=pictures", "model=image_cnn"]
ARRAYS = ["data=image_arrays", "data.path=arrays.npz", "model=image_cnn"]
FOLDERS = ["data=image_folder", "data.path=pictures", "model=image_cnn"]

TRIALS: dict[str, tuple[list[str], list[str]]] = {  # what is the same, and what is changed one at a time
    "the run": (
        IRIS,
        ["run=b", "seed=7", "max_epochs=3", "batch_size=9", "device=cpu", "num_workers=1", "audit=off", "preflight=off",
         "baseline=linear",
         "resume=never", "resume=wait", "force_resume=true", "paths.runs=other", "paths.cache=other", "plugins=[json]",
         "paths.mirror=file:///dev/null/runs",
         "init.min_match=0.5", "init.prefix=x", "metrics=imbalanced", "metrics.names=[accuracy]",
         "profile.enabled=true", "profile.only=true", "profile.steps=9", "profile.top=3", "tracker=tensorboard",
         "runtime.threads=2", "runtime.progress=off", "runtime.loader_timeout_seconds=9",
         "runtime.stall_timeout_seconds=9", "checkpoint.every_n_steps=1", "checkpoint.every_n_epochs=1",
         "checkpoint.every_minutes=1", "checkpoint.background=false", "checkpoint.keep_final=true",
         "checkpoint.save_weights=false", "checkpoint.format=zip", "report.language=zh", "executor.name=slurm",
         "executor.partition=gpu", "executor.address=head:6379", "executor.hours=1",
         "executor.cpus=2", "executor.gpus=1", "executor.memory_gib=4",
         "executor.at_once=2", "executor.max_restarts=1", "executor.detach=true", "executor.setup=[date]",
         "executor.options={qos:long}", "search.name=random", "search.trials=2", "search.space={optimizer.lr:[1]}",
         "search.seed=1", "search.prune=off", "search.cost=seconds", "search.nested=2", "search.final=refit",
         "search.halve_batch=1",
         "pseudo.mode=all", "pseudo.threshold=0.5", "pseudo.thresholds={a:0.5}", "pseudo.agreement=0.5",
         "pseudo.soft=true", "pseudo.weight=0.5", "pseudo.force_leak=true",
         "budget.hours=9", "executor.nproc=2", "executor.nnodes=2", "executor.sync_batchnorm=true",
         "executor.shard=true"],
    ),
    "profile": (["profile=default", *IRIS], ["profile.only=true", "profile.steps=9", "profile.top=1"]),
    "folds": (
        IRIS,
        ["cv=kfold", "cv.strategy=kfold", "cv.arguments={a:1}", "cv.n_splits=3", "cv.repeats=2", "cv.shuffle=false",
         "cv.random_state=7", "cv.fold=0", "cv.parallel=2", "cv.stack=2", "cv.select=inner", "cv.select=fold",
         "cv.group=auto_duplicates", "cv.inner_fraction=0.4", "cv.inner.n_splits=2",
         "cv.inner.grid={optimizer.lr:[1e-3,1e-2]}", "cv.bins=3", "cv.rare=allow", "cv.gap=1", "cv.window=3",
         "cv.holdout_fraction=0.4", "cv.overlap=repeats", "cv.path=folds.csv"],
    ),
    "unshuffled": (["cv.shuffle=false", *IRIS], ["cv.random_state=7", "cv.repeats=2"]),
    "inner": (
        ["cv.select=inner", "max_epochs=5", "optimizer.lr=1e-9", *IRIS],
        ["cv.inner_fraction=0.4", "fit.patience_epochs=1", "cv.random_state=7"],
    ),
    "nested": (
        ["cv.select=inner", "cv.inner.n_splits=2", "cv.inner.grid={optimizer.lr:[1e-3,1e-1]}", *IRIS],
        ["cv.inner.n_splits=3", "cv.inner_fraction=0.4", "optimizer.lr=0.5", "fit.patience_epochs=1"],
    ),
    "holdout": (["cv=holdout", *IRIS], ["cv.holdout_fraction=0.4", "cv.n_splits=3", "cv.repeats=2"]),
    "time": (["cv=time", "data.time=when", *TABLE], ["cv.gap=1", "cv.window=3", "cv.random_state=7", "cv.rare=allow"]),
    "groups": (["cv=group", "data.group=who", *TABLE], ["cv.n_splits=3", "cv.random_state=7", "cv.rare=allow"]),
    "one group out": (
        ["cv=leave_one_group_out", "data.group=who", *TABLE], ["cv.n_splits=3", "cv.random_state=7", "cv.rare=allow"]
    ),
    "given folds": (
        ["cv=predefined", "data.split=part", *TABLE], ["cv.n_splits=3", "cv.overlap=repeats", "cv.random_state=7"]
    ),
    "numbers": (["data=diabetes", "loss=mse", "model.hidden=[8]"], ["cv.bins=3", "cv.rare=allow", "data.name=iris"]),
    "O0": (
        IRIS,
        ["amp=O1", "amp.opt_level=O1", "amp.backend=native", "amp.backend=apex", "amp.dtype=bf16",
         "amp.cast_model_type=half", "amp.cast_model_type=float32", "amp.keep_batchnorm_fp32=true",
         "amp.master_weights=true", "amp.master_weights=false", "amp.loss_scale=8", "amp.loss_scale=dynamic"],
    ),
    "O1": (["amp=O1", *IRIS], ["amp.dtype=fp16", "amp.cast_model_type=float32", "amp.loss_scale=8"]),
    "O2": (
        ["amp=O2", *IRIS],
        ["amp.dtype=fp16", "amp.cast_model_type=float32", "amp.keep_batchnorm_fp32=false", "amp.master_weights=false",
         "amp.loss_scale=dynamic"],
    ),
    "O3": (["amp=O3", *IRIS], ["amp.keep_batchnorm_fp32=true", "amp.master_weights=true", "amp.loss_scale=8"]),
    "fit": (
        IRIS,
        ["fit.accumulate_steps=2", "fit.clip_norm=0.1", "fit.ema_decay=0.5", "fit.warmup_steps=2",
         "fit.warmup_ratio=0.5", "fit.patience_epochs=1", "fit.head_lr=0.1", "fit.layer_decay=0.5",
         "fit.decay_norms=false", "fit.freeze_epochs=1", "fit.freeze_epochs=all", "fit.unfreeze_layers=1",
         "fit.mixup_alpha=1", "fit.cutmix_alpha=1", "optimizer.weight_decay=0.5"],
    ),
    "sampler": (IRIS, ["sampler=balanced", "sampler=weighted", "sampler.name=weighted", "sampler.power=0.2"]),
    "drawn": (
        ["sampler=weighted", "data=breast_cancer", "model.hidden=[8]"],
        ["sampler.power=0.1", "sampler.correct_prior=true"],
    ),
    "frozen": (
        ["fit.freeze_epochs=all", "fit.head_lr=1e-3", *IRIS],
        ["optimizer.lr=5", "fit.head_lr=1", "fit.layer_decay=0.5", "model.dropout=0.5", "fit.unfreeze_layers=1"],
    ),
    "frozen texts": (["fit.freeze_epochs=all", *TEXTS], ["model.dropout=0.1", "optimizer.lr=5"]),
    "frozen rnn": (["fit.freeze_epochs=all", *TEXTS, "model=rnn", "model.hidden=4"], ["model.dropout=0.1"]),
    "frozen pictures": (["fit.freeze_epochs=all", *PICTURES], ["model.dropout=0.5", "num_workers=1"]),
    "thawed": (["fit.freeze_epochs=1", *IRIS], ["fit.unfreeze_layers=1", "fit.head_lr=1e-1", "fit.freeze_epochs=2"]),
    "no decay": (["optimizer.weight_decay=0", *IRIS], ["fit.decay_norms=false"]),
    "constant": (IRIS, ["scheduler.factor=0.5", "scheduler.total_iters=9"]),
    "cosine": (["scheduler=cosine", *IRIS], ["scheduler.T_max=3", "scheduler.eta_min=1e-4", "optimizer.lr=1"]),
    "linear": (
        ["scheduler=linear", *IRIS],
        ["scheduler.start_factor=0.5", "scheduler.end_factor=0.5", "scheduler.total_iters=2", "optimizer.lr=1"],
    ),
    "onecycle": (
        ["scheduler=onecycle", *IRIS],
        ["optimizer.lr=1", "scheduler.max_lr=1", "scheduler.total_steps=99", "scheduler.pct_start=0.6",
         "scheduler.cycle_momentum=true", "fit.head_lr=1", "fit.layer_decay=0.5", "fit.warmup_steps=2"],
    ),
    "step": (["scheduler=step", *IRIS], ["scheduler.step_size=2", "scheduler.gamma=0.5"]),
    "adadelta": (
        ["optimizer=adadelta", *IRIS],
        ["optimizer.lr=0.1", "optimizer.rho=0.5", "optimizer.eps=0.1", "optimizer.weight_decay=0.5",
         "optimizer.foreach=false"],
    ),
    **{
        name: (
            [f"optimizer={name}", *IRIS],
            ["optimizer.lr=0.1", "optimizer.betas=[0.5,0.9]", "optimizer.eps=0.1", "optimizer.weight_decay=0.5",
             "optimizer.fused=false"],
        )
        for name in ("adam", "adamw")
    },
    "rmsprop": (
        ["optimizer=rmsprop", *IRIS],
        ["optimizer.lr=0.1", "optimizer.alpha=0.5", "optimizer.eps=0.1", "optimizer.momentum=0.5",
         "optimizer.weight_decay=0.5"],
    ),
    "sgd": (
        ["optimizer=sgd", *IRIS],
        ["optimizer.lr=0.1", "optimizer.momentum=0.5", "optimizer.nesterov=false", "optimizer.weight_decay=0.5",
         "optimizer.fused=false"],
    ),
    "ce": (IRIS, ["loss.class_weights=[1,2,3]", "loss.label_smoothing=0.1"]),
    "nll": (["loss=nll", *IRIS], ["loss.class_weights=[1,2,3]", "loss.model_outputs_log_probs=true"]),
    "focal": (["loss=focal", *IRIS], ["loss.gamma=1", "loss.alpha=[1,2,3]"]),
    "bce": (
        ["loss=bce", "data=breast_cancer", "model.hidden=[8]"],
        ["loss.class_weights=[1,2]", "data.positive=benign", "loss.class_weights=balanced"],
    ),
    "asymmetric": (
        ["loss=asymmetric", "data=csv_tabular", "data.path=table.csv", "data.label=word",
         "data.label_delimiter='|'", "model.hidden=[8]"],
        ["loss.gamma_positive=1", "loss.gamma_negative=1", "loss.margin=0.2"],
    ),
    "bootstrapped": (["loss=bootstrapped", *IRIS], ["loss.form=hard", "loss.beta=0.5"]),
    "dice": (["loss=dice", *IRIS], ["loss.alpha=0.1", "loss.smooth=0.5"]),
    "gce": (["loss=gce", *IRIS], ["loss.q=0.2"]),
    "ldam": (["loss=ldam", *IRIS], ["loss.max_margin=1", "loss.scale=2"]),
    "poly": (["loss=poly", *IRIS], ["loss.epsilon=0.1", "loss.gamma=1"]),
    "huber": (["loss=huber", "data=diabetes", "model.hidden=[8]"], ["loss.delta=0.1"]),
    "bundled": (
        IRIS, ["data.name=wine", "data.positive=setosa", "model.hidden=[9]", "model.dropout=0.5",
               "data.preprocess.standardize=false"]
    ),
    "sparse": (
        ["data=csv_tabular", "data.path=table.libsvm", "data/preprocess=sparse", "model.hidden=[8]"],
        ["data.preprocess.scale=none"],
    ),
    "digits": (["data=digits", "model.hidden=[8]"], ["data.name=wine", "data.positive=1"]),
    "wine": (["data=wine", "model.hidden=[8]"], ["data.name=iris", "data.positive=1"]),
    "table": (
        TABLE,
        ["data.path=texts.csv", "data.label=part", "data.id=key", "data.group=who", "data.time=when",
         "data.split=part", "data.weight=heavy", "data.label_delimiter='|'", "data.encoding=utf-16",
         "data.delimiter=';'", "data.task=multiclass", "data.quote=none", "data.header=none",
         "data.spellings=join", "data.missing_labels=[b]", "data.positive=b", "data.class_order=[b,a]",
         "data.numeric=[word]", "data.categorical=[y]", "data.drop=[x]", "data.missing=[low]", "data.numbers=strict",
         "data.format=json_lines", "data.table=rows", "data.exclude=out.txt", "data.in_memory=false"],
    ),
    "texts": (
        TEXTS,
        ["data.text=other", "data.pair=other", "data.group=who", "data.preprocess.lowercase=false",
         "data.preprocess.max_length=2", "data.preprocess.vocab_size=9", "data.preprocess.min_frequency=40",
         "data.preprocess.unit=characters", "data/preprocess=characters", "model.embedding_dim=9", "model.widths=[1]",
         "model.filters=3", "model.dropout=0.1", "model.max_norm=0.1"],
    ),
    "characters": (
        ["data/preprocess=characters", *TEXTS],
        ["data.preprocess.lowercase=false", "data.preprocess.max_length=5", "data.preprocess.vocab_size=9",
         "data.preprocess.min_frequency=9", "data.preprocess.unit=words"],
    ),
    "rnn": (
        [*TEXTS, "model=rnn"],
        ["model.cell=gru", "model.embedding_dim=9", "model.hidden=9", "model.layers=2", "model.bidirectional=false",
         "model.dropout=0.1", "model.pooling=mean"],
    ),
    "pictures": (
        ["data.preprocess.size=[8,16]", *PICTURES],
        ["data.images=copies", "data.file=key", "data.suffix=.png", "data.zip_encoding=cp850", "data.weight=heavy",
         "data.preprocess.size=16", "data.preprocess.channels=1", "data.preprocess.resize=crop",
         "data.preprocess.train=[hflip]", "data.preprocess.normalize=none", "data.preprocess.views=[hflip]",
         "data.preprocess.memory=false", "model.widths=[4]", "model.dropout=0.5"],
    ),
    "folders": (
        FOLDERS,
        ["data.folders=[train]", "data.split=true", "data.group=folder", "data.task=multiclass",
         "data.spellings=join", "data.missing_labels=[cat]", "data.positive=cat", "data.zip_encoding=cp850"],
    ),
    "arrays": (
        ["data.parts=[train,test]", *ARRAYS],
        ["data.parts=[train]", "data.split=true", "data.label=fine", "data.task=multilabel", "data.missing_labels=[9]",
         "data.positive=0"],
    ),
}  # fmt: skip

SILENT = {  # option: why neither a byte nor a word differs
    "device": "auto is the CPU here",
    "resume": "there is no run to resume, and nobody else trains a fold",
    "force_resume": "nothing has changed that it would accept",
    "paths.cache": "these data are held in memory: nothing is kept",
    "plugins": "a package that no part of the run is of",
    "budget.hours": "there is time enough",
    "runtime.threads": "the same sums in this small model; manifest.json and the report say how many there were",
    "checkpoint.every_n_steps": "when the state of a fold is saved, which is taken away when the fold is done",
    "checkpoint.every_n_epochs": "likewise",
    "checkpoint.every_minutes": "likewise",
    "checkpoint.background": "likewise: who writes it",
    "cv.parallel": "folds side by side give the same bits",
    "cv.stack": "folds trained as one model too",
    "cv.rare": "what becomes of rare classes: these data have none",
    "cv.overlap": "what becomes of folds that hold out the same rows: these do not",
    "amp.backend": "auto is native here",
    "optimizer.foreach": "how torch computes the same step",
    "optimizer.fused": "likewise",
    "data.quote": "no cell has a quote",
    "data.spellings": "no name is written in two ways",
}
UNTRIED = {  # option, or file of conf/: why no trial changes it
    "data.votes": "needs a column of votes: tests/data/columns/test_votes.py",
    "runtime.compile": "needs a compiler, and half a minute",
    "pseudo.path": "needs a finished run: tests/run/test_pseudo_labels.py",
    "pseudo.teacher": "likewise",
    "init.path": "needs weights: tests/run/steps/test_weights.py",
    "timm": "an optional package",
    "torchvision": "its one option is which network",
    "transformer": "needs a model's files: tests/run/test_fine_tuning_runs.py",
    "tokenizer": "likewise",
}
TIMES = re.compile(r"\d[\d.]*(?= ?(?:s|ms|min|h|MiB|GiB|KiB)\b)")


@pytest.fixture
def tiny_data(tmp_path: Path) -> None:
    """A table, texts and pictures of 48 rows."""
    random = np.random.default_rng(0)
    head = ["key", "x", "y", "z", "word", "who", "when", "part", "heavy", "label"]
    rows = [
        [f"k{i}", f"{random.normal() + i % 2:.3f}", str(i % 5), f"{i % 7}%", ["low", "high", "NA"][i % 3], f"p{i // 4}",
         str(2000 + i // 2), str(i // 2 % 2), f"{1 + i % 3}", "ab"[i % 2]]
        for i in range(48)
    ]  # fmt: skip
    (tmp_path / "out.txt").write_text("0\n")
    for name, between in (("table.csv", ","), ("table.tsv", "\t")):
        (tmp_path / name).write_text("\n".join(between.join(row) for row in [head, *rows]) + "\n")
    counts = [f"{i % 2} {1 + i % 9}:{1 + i % 3} 2000:5\n" for i in range(48)]
    (tmp_path / "table.libsvm").write_text("".join(counts))
    words = ["Good", "good", "bad", "room", "View", "the", "a", "and", "bed", "Bar"]
    texts = [
        [" ".join(random.choice(words, 6)), " ".join(random.choice(words, 3)), f"p{i // 4}", "ab"[i % 2]]
        for i in range(48)
    ]
    (tmp_path / "texts.csv").write_text("\n".join(map(",".join, [["text", "other", "who", "label"], *texts])) + "\n")
    (tmp_path / "folds.csv").write_text("id,fold\n" + "".join(f"{i},{i % 2}\n" for i in range(150)))
    pixels, numbers = random.integers(0, 256, (24, 8, 8), dtype=np.uint8), np.arange(24) % 2
    parts = {"train_images": pixels, "train_labels": numbers, "test_images": pixels[::-1], "test_labels": numbers}
    np.savez(tmp_path / "arrays.npz", **parts)
    write_pictures(tmp_path / "pictures", 12)
    write_pictures(tmp_path / "copies", 12, ("dog", "cat"))
    names = [f"{label}/{i}.png,{label},k{i},{1 + i % 2}" for label in ("cat", "dog") for i in range(12)]
    (tmp_path / "pictures.csv").write_text("file,label,key,heavy\n" + "\n".join(names) + "\n")


def traces(train, tmp_path: Path, arguments: list[str], name: str) -> tuple[object, ...]:
    """What a run leaves behind, but for times: its words, its results, its weights and the names of its files."""
    place = tmp_path / name
    place.mkdir()
    for beside in tmp_path.iterdir():
        if not beside.name.startswith("try"):
            (place / beside.name).symlink_to(beside)
    os.chdir(place)
    outcome = train(*arguments)
    words = sorted(TIMES.sub("T", line) for line in (outcome.out + outcome.err).splitlines())
    files = {
        str(path.relative_to(place)): path for path in place.rglob("*") if path.is_file() and not path.is_symlink()
    }
    kept = {name: path.read_bytes() for name, path in files.items() if name.endswith(("oof.parquet", ".safetensors"))}
    results = [json.loads(path.read_text()) for name, path in files.items() if name.endswith("a/cv.json")]
    scores = [
        {key: value for key, value in result.items() if key not in ("seconds", "fingerprint")} for result in results
    ]
    return outcome.code, words, sorted(files), kept, scores


@pytest.mark.battery
@pytest.mark.parametrize("context", TRIALS)
def test_every_option_changes_bytes_or_words(train, tmp_path, tiny_data, context):
    same, changes = TRIALS[context]
    base = traces(train, tmp_path, [*COMMON, *same], "try")
    assert base[0] == 0, base[1]
    assert traces(train, tmp_path, [*COMMON, *same], "try again") == base  # else all would seem to have an effect
    silent = [
        option
        for number, option in enumerate(changes)
        if traces(train, tmp_path, [*COMMON, *same, option], f"try{number}") == base
    ]
    assert [option for option in silent if key_of(option) not in SILENT] == []


def test_every_documented_option_is_tried():
    tried = {key_of(option) for _, options in TRIALS.values() for option in options}
    closed = [option.key for option in options_of(RunConfig) if option.about]
    shared = [
        f"{name}.{key}".replace("/", ".")
        for name in (*OPEN_SECTIONS, "data/preprocess")
        for path in sorted((CONF / name).glob("*.yaml"))
        if path.stem not in UNTRIED
        for key, _, _ in _yaml_options(path, name)
    ]
    assert [key for key in dict.fromkeys([*closed, *shared]) if key not in tried | UNTRIED.keys()] == []
