"""Small runs of every kind of rows, for the tests of what is done with a finished run."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.transformer_files import save_model, write_reviews
from trainer.config.compose import compose_run
from trainer.run.cross_validate import cross_validate
from trainer.run.validate import check_config

QUICK = (
    "cv.n_splits=2",
    "max_epochs=1",
    "profile=off",
    "tracker=none",
    "audit=off",
    "baseline=off",
    "preflight=false",
    "runtime.progress=off",
    "run=a",
)
COLOURS = ("red", "green", "blue")


def write_rows(path: Path, rows: list[list[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def write_table(path: Path, n_rows: int = 40) -> Path:
    """Two numbers (some missing, one with a percent sign), a category, an id; a word to predict, or a price."""
    random = np.random.default_rng(0)
    rows: list[list[object]] = [["key", "size", "share", "colour", "price", "label"]]
    for number in range(n_rows):
        size, share = random.normal(), random.uniform(0, 100)
        label = "yes" if size > 0 else "no"
        cell = "" if number % 7 == 3 else f"{size:.4f}"
        rows.append([f"r{number}", cell, f"{share:.1f}%", COLOURS[number % 3], f"{100 + 20 * size:.3f}", label])
    return write_rows(path, rows)


def trained_in(folder: Path, *options: str) -> Path:
    """Train in this process, without figures in the report; return the run's directory."""
    config, launch = compose_run([*options, f"paths.runs={folder}/runs"], check_config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainer.report.markdown.draw_pictures", lambda *_, **__: {})
        cross_validate(config, launch)
    return folder / "runs" / str(config.run)


def table_options(folder: Path) -> tuple[str, ...]:
    path = write_table(folder / "table.csv")
    return ("data=csv_tabular", f"data.path={path}", "data.id=key", "data.drop=[price]", "model.hidden=[8]", *QUICK)


def regression_options(folder: Path) -> tuple[str, ...]:
    path = write_table(folder / "table.csv")
    columns = ("data.id=key", "data.drop=[label]", "data.label=price", "data.task=regression", "loss=mse")
    return ("data=csv_tabular", f"data.path={path}", *columns, "model.hidden=[8]", *QUICK)


def multilabel_options(folder: Path) -> tuple[str, ...]:
    random = np.random.default_rng(0)
    rows: list[list[object]] = [["x", "z", "tags"]]
    for number in range(40):
        tags = [name for place, name in enumerate(COLOURS) if number % 8 & 2**place]
        rows.append([f"{random.normal():.3f}", f"{random.normal():.3f}", "|".join(tags)])
    path = write_rows(folder / "tags.csv", rows)
    columns = ("data.label=tags", "data.label_delimiter='|'")
    return ("data=csv_tabular", f"data.path={path}", *columns, "loss=bce", "model.hidden=[8]", *QUICK)


def text_options(folder: Path) -> tuple[str, ...]:
    path = write_reviews(folder / "reviews.csv")
    return ("data=csv_text", f"data.path={path}", "data.text=text", "model=text_cnn", *QUICK)


def transformer_options(folder: Path) -> tuple[str, ...]:
    path, model = write_reviews(folder / "reviews.csv"), save_model(folder / "bert")
    return (
        "data=csv_text",
        f"data.path={path}",
        "data.text=text",
        "model=transformer",
        f"model.pretrained={model}",
        *QUICK,
    )


def write_images(folder: Path, n_images: int = 16) -> Path:
    random = np.random.default_rng(0)
    for number in range(n_images):
        file = folder / ("cat", "dog")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(file)
    return folder


def image_options(folder: Path) -> tuple[str, ...]:
    path = write_images(folder / "pictures")
    return ("data=image_folder", f"data.path={path}", "model=image_cnn", "model.widths=[4]", *QUICK)
