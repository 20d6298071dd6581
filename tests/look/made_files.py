"""A dozen files as people have them, with what is right to say of each."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.picture_files import write_pictures

WORDS = ["good", "bad", "film", "plot", "story", "actor", "great", "awful", "fine", "scene"]
CHINESE = ("这个酒店非常好", "房间很小而且很吵", "服务态度不错，值得推荐")


@dataclass(frozen=True)
class Right:
    """What is right for a file: parts of the command to train, the kinds of its columns, and the task."""

    train: str
    kinds: tuple[str, ...]
    task: str
    repaired: bool = False


RIGHT = {
    "reviews.csv": Right("data=csv_text data.label=sentiment data.text=review", ("text", "category"), "binary"),
    "title.csv": Right("data.label=class", ("number", "number", "category"), "binary", repaired=True),
    "sep.csv": Right("data=csv_tabular data.label=y", ("number", "number", "number"), "binary"),
    "commas.txt": Right("data.label=klasse data.delimiter=';'", ("number", "number", "category"), "binary"),
    "gbk.csv": Right("data.label='标签' data.encoding=gb18030 data.text='文本'", ("text", "category"), "binary"),
    "noheader.csv": Right("data.label=c3 data.header=none", ("number", "number", "category"), "binary"),
    "passengers.csv": Right(
        "data.label=Survived data.id=PassengerId data.drop=[Name,Ticket]",
        ("id", "number", "text", "category", "number", "category"),
        "binary",
    ),
    "patients.csv": Right(
        "data.label=diagnosis data.group=patient_id cv=stratified_group",
        ("category", "number", "date", "category"),
        "binary",
    ),
    "pairs.jsonl": Right(
        "data.text=premise data.pair=hypothesis data.split=split cv=predefined",
        ("text", "text", "category", "category"),
        "multiclass",
    ),
    "toxic.csv": Right(
        "data.label=[toxic,threat,rude] data.id=id data.text=comment_text loss=bce cv=multilabel",
        ("id", "text", "number", "number", "number"),
        "multilabel",
    ),
    "tags.csv.gz": Right("data.label=tags data.label_delimiter='|'", ("text", "category"), "multilabel"),
    "house.csv": Right("data.label=price data.task=regression loss=mse", ("number", "number", "number"), "regression"),
    "unlabelled.csv": Right("data.label=label data.missing_labels=['']", ("number", "number", "category"), "binary"),
    "my data (1).csv": Right("data.label='the|label' data.drop=[odd]", ("number", "number", "category"), "binary"),
    "photos": Right("data=image_folder", (), "binary"),
    "named/table.csv": Right("data=image_csv data.file=file data.label=label", ("image file", "category"), "binary"),
}


def write_files(folder: Path) -> None:
    """Write all of them into a folder."""
    rng = Random(0)

    def text(n: int = 8) -> str:
        return " ".join(rng.choice(WORDS) for _ in range(n))

    def number() -> str:
        return f"{rng.random():.3f}"

    for name, header, row, n_rows in (
        ("reviews.csv", "review,sentiment", lambda i: f"{text()},{['pos', 'neg'][i % 2]}", 40),
        ("title.csv", "Sales of 2024\n\nprice,size,class", lambda i: f"{number()},{number()},{'ab'[i % 2]}", 40),
        ("sep.csv", "sep=;\na;b;y", lambda i: f"{number()};{number()};{i % 2}", 40),
        ("commas.txt", "a;b;klasse", lambda i: f"{i},{i % 7}5;0,{i}1;{['ja', 'nein'][i % 2]}", 40),
        ("passengers.csv", "PassengerId,Survived,Name,Sex,Age,Ticket", lambda i: passenger(rng, i), 60),
        ("patients.csv", "patient_id,f1,day,diagnosis", lambda i: patient(rng, i), 60),
        (
            "toxic.csv",
            "id,comment_text,toxic,threat,rude",
            lambda i: f"x{i},{text(12)},{i % 2},{i % 3 % 2},{i % 5 % 2}",
            40,
        ),
        ("house.csv", "area,rooms,price", lambda i: f"{number()},{i % 5},{rng.random() * 1e5:.2f}", 60),
        ("unlabelled.csv", "a,b,label", lambda i: f"{number()},{number()},{['yes', 'no', ''][i % 3]}", 60),
        ("my data (1).csv", "a,odd,the|label", lambda i: f"{number()},{'<' * (i % 3 == 0)}{i}.5,{'xy'[i % 2]}", 80),
    ):
        rows = "".join(f"{row(i)}\n" for i in range(n_rows))
        (folder / name).write_text(f"{header}\n{rows}", encoding="utf-8")
    rows = "".join(f"{number()},{number()},{'ab'[i % 2]}\n" for i in range(40))
    (folder / "noheader.csv").write_text(rows)
    rows = "".join(f"{CHINESE[i % 3]}{i},{['好评', '差评'][i % 2]}\n" for i in range(40))
    (folder / "gbk.csv").write_bytes(f"文本,标签\n{rows}".encode("gb18030"))
    keys = ("premise", "hypothesis", "label", "split")
    lines = [(text(), text(5), ["yes", "no", "maybe"][i % 3], ["train", "test"][i % 4 == 0]) for i in range(48)]
    jsonl = "".join(json.dumps(dict(zip(keys, line, strict=True))) + "\n" for line in lines)
    (folder / "pairs.jsonl").write_text(jsonl)
    rows = "".join(f"{text()},{['a', 'b|c', 'a|c', 'b', 'c'][i % 5]}\n" for i in range(40))
    (folder / "tags.csv.gz").write_bytes(gzip.compress(f"title,tags\n{rows}".encode()))
    write_pictures(folder / "photos", 6)
    write_pictures(folder / "named" / "files", 6)
    rows = "".join(f"files/{label}/{i}.png,{label}\n" for label in ("cat", "dog") for i in range(6))
    (folder / "named" / "table.csv").write_text(f"file,label\n{rows}")


def passenger(rng: Random, i: int) -> str:
    """Return a row with a name that is no text to learn from, and a ticket of its own."""
    age = rng.choice(["", str(rng.randint(1, 80))])
    ticket = f"A/5 {1000 + i - i % 7 // 6}"
    return f'{i + 1},{i % 2},"Braund, Mr. Owen {i} Harris",{rng.choice(["male", "female"])},{age},{ticket}'


def patient(rng: Random, i: int) -> str:
    """Return one of several rows of a patient."""
    return f"P{i // 5:02d},{rng.random():.3f},2024-03-{1 + i % 28:02d},{['sick', 'well'][i // 5 % 2]}"
