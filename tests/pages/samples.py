"""Small files of the names and columns that the commands of the pages use."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_breast_cancer
from torchvision.models import resnet18

from tests.data.readers.formats.test_exports import doccano as write_doccano
from tests.data.readers.formats.test_exports import label_studio as write_label_studio
from tests.data.readers.formats.test_keel import family
from tests.transformer_files import save_model
from trainer.models.mlp import MLP

OPENML = (
    "@relation splits\n@attribute type {TRAIN,TEST}\n@attribute rowid numeric\n@attribute repeat numeric\n"
    "@attribute fold numeric\n@data\n"
)


def write_table(path: Path, header: list[str], rows: list[list[object]], encoding: str = "utf-8") -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def write_samples(folder: Path) -> None:
    """Write small files of the names and columns that the commands use."""
    random = np.random.default_rng(0)
    numbers = random.normal(size=(80, 6)).round(4).tolist()
    write_table(
        folder / "mammography.csv",
        [*(f"f{i}" for i in range(1, 7)), "label"],
        [[*row, int(i % 5 == 0)] for i, row in enumerate(numbers)],
    )
    cells = load_breast_cancer()
    measured = [
        [*row, ("malignant", "benign")[label]] for row, label in zip(cells.data.tolist(), cells.target, strict=True)
    ]
    columns = [*map(str, cells.feature_names), "label"]
    write_table(folder / "labelled.csv", columns, measured[:284])
    write_table(folder / "unlabelled.csv", columns, [*measured[284:], measured[0]])
    write_table(folder / "glass.csv", ["RI", "Na", "label"], [[*row[:2], i % 3] for i, row in enumerate(numbers)])
    texts = [["good phone , works well", "pos"], ["bad screen , I sent it back", "neg"]] * 20
    write_table(folder / "reviews.csv", ["review", "sentiment"], [*texts, ["", "neg"], ["", "neg"]])
    hotel = [["标准间太差 房间还不如3星的", "neg"], ["商务大床房，房间很大，整体感觉不错", "pos"]] * 20
    write_table(folder / "酒店评论.csv", ["text", "label"], hotel, encoding="gb18030")
    labels = random.integers(0, 2, size=(80, 6)).tolist()
    write_table(
        folder / "emotions.csv",
        [*(f"x{i}" for i in range(6)), *(f"label:{name}" for name in "abcdef"), "split"],
        [[*row, *marks, "train"] for row, marks in zip(numbers, labels, strict=True)],
    )
    write_table(folder / "chnsenticorp.csv", ["text", "label", "split"], reviews_with_copies())
    write_table(
        folder / "parkinsons.csv",
        ["PPQ", "DFA", "subject", "label"],
        [[*row[:2], i // 2, int(i % 8 < 2)] for i, row in enumerate(numbers)],
    )
    write_looked_at(folder)
    write_given_folds(folder)
    write_doccano(folder / "hotels")
    write_label_studio(folder / "project-1")
    letters = {f"module.{name}": value for name, value in MLP(64, 26).state_dict().items()}
    torch.save({"epoch": 20, "state_dict": letters}, folder / "letters.pth")
    save_model(folder / "models" / "bert")
    write_photos(folder / "photos.zip")
    torch.save(resnet18(weights=None).state_dict(), folder / "resnet18.pth")


def write_looked_at(folder: Path) -> None:
    """Write the files that are looked at: one of German Excel, one in Chinese."""
    visits = [
        f"P{i // 4:02d};{i % 7 + 31},{i % 9};{'?' if i % 8 == 5 else i * 3};{'ja' if i % 3 else 'nein'}"
        for i in range(80)
    ]
    (folder / "visits.csv").write_text("\n".join(["patient_id;weight;crp;relapse", *visits, ""]))
    things = ("房间", "服务", "早餐", "位置", "前台", "大堂", "价格", "设施")
    words = ("又脏又吵，不会再来", "干净安静，值得推荐")
    rows = [
        [f"{things[i % 8]}{words[i % 2]}，住了{i}天", ("差评", "好评")[i % 2], "test" if i % 5 == 4 else "train"]
        for i in range(80)
    ]
    write_table(folder / "评论.csv", ["评论", "标签", "split"], rows, encoding="gb18030")


def write_given_folds(folder: Path) -> None:
    """Write splits as KEEL, OpenML and others make them: rows 0 and 1 in fold 0, 2 and 3 in fold 1, ..., of 12 rows."""
    family(folder / "wine-3-fold", stem="wine")
    header, folds = ["id", "age", "savings", "class"], [row // 2 % 3 for row in range(12)]
    rows = [[f"r{row}", 20 + row * 5 % 7, row * 5 % 11, ("good", "bad")[row % 2]] for row in range(12)]
    write_table(folder / "credit.csv", header, rows)
    merged = [[*row, "" if row[0] == "r5" else f"{fold}.0"] for row, fold in zip(rows, folds, strict=True)]
    write_table(folder / "merged.csv", [*header, "kfold"], merged)
    lines = [OPENML]
    for fold in range(3):
        held_out = [row for row in range(12) if folds[row] == fold]
        lines += [f"{'TEST' if row in held_out else 'TRAIN'},{row},0,{fold}\n" for row in range(12)]
        (folder / f"fold_{fold}.txt").write_text("".join(f"r{row}\n" for row in held_out))
    (folder / "openml_splits.arff").write_text("".join(lines))


def write_photos(path: Path) -> None:
    """Write images of several sizes, in folders and with a stray file as the real ones are."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hymenoptera/train/ants/imageNotFound.gif", b"GIF89a")
        for number in range(24):
            part, label = ("train", "val")[number % 3 == 2], ("ants", "bees")[number % 2]
            pixels = random.integers(0, 256, (20 + number, 30, 3), dtype=np.uint8)
            payload = io.BytesIO()
            Image.fromarray(pixels).save(payload, "JPEG")
            archive.writestr(f"hymenoptera/{part}/{label}/{number}.jpg", payload.getvalue())


def reviews_with_copies() -> list[list[object]]:
    """Texts in train, dev and test with all that the audit finds in the real ones, in rows of no order."""
    random = np.random.default_rng(0)
    words = {0: "差 脏 吵 旧 贵 慢 冷 乱", 1: "好 净 静 新 值 快 暖 美"}
    things = "房间 服务 早餐 位置 前台 大堂 价格 设施 环境 交通 电梯 空调 床铺 窗户 浴室 毛巾"

    def text(label: int) -> str:
        return "".join(f"{random.choice(things.split())}{random.choice(words[label].split())}" for _ in range(12))

    labels = [int(label) for label in random.integers(0, 2, size=180)]
    rows: list[list[object]] = [[text(label), label, "train"] for label in labels]
    rows += [["一般般吧还可以", 0, "train"], ["一般般吧还可以", 1, "train"]]
    for side in ("dev", "test"):
        copied = [[*rows[i][:2], side] for i in random.permutation(180)[:20]]
        near = [[f"{rows[i][0]}啊", rows[i][1], side] for i in random.permutation(180)[:3]]
        rows += [*copied, *near, *([text(int(label)), int(label), side] for label in random.integers(0, 2, size=40))]
    return rows
