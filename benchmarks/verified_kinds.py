"""The kinds of runs that ``benchmarks.verified`` proves, and what each is exported as."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.inference.run_cases import (
    QUICK,
    image_options,
    multilabel_options,
    regression_options,
    table_options,
    text_options,
    transformer_options,
    write_images,
)
from tests.transformer_files import reviews, save_model

Options = Callable[[Path], tuple[str, ...]]
ENSEMBLE, ONE, ALL_ROWS, SOUP = "", "--mode fold=1", "--mode all", "--mode soup"
HALF, INT8 = "--half", "--int8"
TORCH, LEGACY, SAFETENSORS = "--format torch", "--format torch --legacy", "--format safetensors"
WEIGHTS = (TORCH, LEGACY, SAFETENSORS)
HF = tuple(f"--format hf {mode}" for mode in (ONE, ALL_ROWS, SOUP))


@dataclass(frozen=True)
class Kind:
    """A kind of run.

    Attributes:
        options: of its training, for data written into a folder.
        more: further ones.
        exports: options of ``foldwise export``.
    """

    options: Options
    more: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()


def of_house(name: str) -> Options:
    """Return the options of a data set that comes along."""
    return lambda folder: (f"data={name}", "model.hidden=[8]", *QUICK)


def sparse_options(folder: Path) -> tuple[str, ...]:
    random = np.random.default_rng(0)
    lines = []
    for number in range(60):
        cells = sorted(random.choice(2000, 12, replace=False) + 1)
        lines.append(f"{number % 3} " + " ".join(f"{place}:{random.normal():.3f}" for place in cells) + "\n")
    path = folder / "table.libsvm"
    path.write_text("".join(lines), encoding="utf-8")
    return ("data=csv_tabular", f"data.path={path}", "data/preprocess=sparse", "model.hidden=[8]", *QUICK)


def _write_pairs(folder: Path) -> Path:
    path = folder / "pairs.csv"
    texts = [text for text, _ in reviews()]
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [(text, texts[place // 2], ("no", "yes")[place % 3 == 0]) for place, text in enumerate(texts)]
        csv.writer(file).writerows([("text", "other", "label"), *rows])
    return path


def pair_options(folder: Path) -> tuple[str, ...]:
    return ("data=csv_text", f"data.path={_write_pairs(folder)}", "data.pair=other", "model=text_cnn", *QUICK)


def bert_pair_options(folder: Path) -> tuple[str, ...]:
    body = ("model=transformer", f"model.pretrained={save_model(folder / 'bert')}")
    return ("data=csv_text", f"data.path={_write_pairs(folder)}", "data.pair=other", *body, *QUICK)


def _write_told(folder: Path) -> Path:
    path = folder / "told.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [
            (text, "|".join(word for word in ("room", "staff", "view") if word in text), f"{len(text) / 7:.3f}")
            for text, _ in reviews()
        ]
        csv.writer(file).writerows([("text", "things", "length"), *rows])
    return path


def text_labels(folder: Path) -> tuple[str, ...]:
    columns = ("data.label=things", "data.label_delimiter='|'", "loss=bce")
    return ("data=csv_text", f"data.path={_write_told(folder)}", *columns, "model=text_cnn", *QUICK)


def bert_numbers(folder: Path) -> tuple[str, ...]:
    body = ("model=transformer", f"model.pretrained={save_model(folder / 'bert')}")
    columns = ("data.label=length", "data.task=regression", "loss=mse")
    return ("data=csv_text", f"data.path={_write_told(folder)}", *columns, *body, *QUICK)


def array_options(folder: Path) -> tuple[str, ...]:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (24, 8, 8), dtype=np.uint8)
    np.savez(folder / "arrays.npz", train_images=images, train_labels=np.arange(24) % 3)
    return ("data=image_arrays", f"data.path={folder / 'arrays.npz'}", "model=image_cnn", "model.widths=[4]", *QUICK)


def zip_options(folder: Path) -> tuple[str, ...]:
    import shutil

    path = shutil.make_archive(str(folder / "pictures"), "zip", write_images(folder / "all"))
    return ("data=image_folder", f"data.path={path}", "model=image_cnn", "model.widths=[4]", *QUICK)


NESTED = ("cv.inner.n_splits=2", "cv.inner.grid={loss.gamma:[0,5],model.hidden:[[4],[8]]}", "loss=focal")
FROZEN = ("fit.freeze_epochs=all",)
TWICE = ("data.preprocess.views=[hflip,rot90]", "fit.ema_decay=0.5")

KINDS: dict[str, Kind] = {
    "table, two classes": Kind(table_options, (), (ENSEMBLE, ONE, ALL_ROWS, HALF, INT8, *WEIGHTS)),
    "table, two classes by one logit, EMA, inner selection": Kind(
        table_options, ("loss=bce", "fit.ema_decay=0.5", "cv.select=inner"), (ENSEMBLE, TORCH)
    ),
    "table, three classes, holdout": Kind(of_house("wine"), ("loss=focal", "cv=holdout")),
    "table, 2 repeats": Kind(table_options, ("cv.repeats=2",), (ENSEMBLE,)),
    "table, nested": Kind(table_options, NESTED, (ONE,)),
    "table, O1": Kind(table_options, ("amp=O1",), (ENSEMBLE, TORCH)),
    "table, O2": Kind(table_options, ("amp=O2",), (ENSEMBLE,)),
    "table, several labels": Kind(multilabel_options, (), (ENSEMBLE, HALF, INT8, SAFETENSORS)),
    "table, a number": Kind(regression_options, (), (ENSEMBLE, ALL_ROWS, HALF, INT8, *WEIGHTS)),
    "LIBSVM, sparse, three classes": Kind(sparse_options),
    "texts, text_cnn": Kind(text_options, (), (ENSEMBLE, ONE, ALL_ROWS, HALF, INT8, *WEIGHTS)),
    "texts, several labels": Kind(text_labels, (), (ENSEMBLE,)),
    "texts, rnn, O1": Kind(text_options, ("model=rnn", "amp=O1"), (ENSEMBLE,)),
    "texts, rnn": Kind(text_options, ("model=rnn",), (ENSEMBLE, HALF, INT8, *WEIGHTS)),
    "pairs of texts, text_cnn": Kind(pair_options, (), (ENSEMBLE, TORCH)),
    "texts, BERT": Kind(transformer_options, (), (ENSEMBLE, ONE, ALL_ROWS, SOUP, HALF, INT8, *HF)),
    "texts, BERT, a number": Kind(bert_numbers, (), (ENSEMBLE, f"--format hf {ONE}")),
    "pairs of texts, BERT": Kind(bert_pair_options, (), (ENSEMBLE, f"--format hf {ONE}")),
    "texts, BERT, frozen body": Kind(transformer_options, FROZEN, (ENSEMBLE, INT8)),
    "texts, BERT, O2": Kind(transformer_options, ("amp=O2",), (ENSEMBLE,)),
    "images": Kind(image_options, (), (ENSEMBLE, ONE, ALL_ROWS, HALF, INT8, *WEIGHTS)),
    "images, two views averaged, EMA, O2": Kind(image_options, (*TWICE, "amp=O2"), (ENSEMBLE,)),
    "images, two views averaged, EMA": Kind(zip_options, TWICE, (ENSEMBLE, TORCH)),
    "images in arrays": Kind(array_options),
}
