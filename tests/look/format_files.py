"""One small file of each format that is read, large enough to be trained on, written by the format's own tool."""

import bz2
import gzip
import lzma
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from tests.data.images.image_cases import encoded, pixels
from tests.data.images.image_cases import write_files as write_payloads
from tests.data.readers.formats import test_cvat as cvat
from tests.data.readers.formats import test_datumaro as datumaro
from tests.data.readers.formats import test_keel as keel
from tests.data.readers.formats import test_label_studio as label_studio
from tests.data.readers.formats.annotations import as_array, as_lines
from tests.data.readers.formats.test_argilla import record as argilla_record
from tests.data.readers.formats.test_exports import doccano as write_doccano
from tests.data.readers.formats.test_exports import label_studio as write_label_studio
from tests.data.readers.formats.test_prodigy import choice
from tests.data.readers.formats.test_sagemaker_manifest import said
from tests.data.sources.test_image_arrays import medmnist, mnist, write_pickled_batch
from tests.picture_files import write_pictures

N = 40
FRAME = pd.DataFrame(
    {
        "age": [30 + row * 7 % 37 for row in range(N)],
        "dose": [round(0.1 + row * 37 % 100 / 80, 3) for row in range(N)],
        "colour": [("red", "green", "blue")[row * 5 % 7 % 3] for row in range(N)],
        "label": [("ill", "well")[row * 3 % 5 % 2] for row in range(N)],
    }
)
NUMBERS_NF = FRAME[["age", "dose"]].to_numpy()
WORDS = {"good": "liked the room and the quiet", "bad": "noise all night and a cold room"}
TEXTS = [(f"{WORDS[mood]}, stay {row}", mood) for row in range(N) for mood in [("good", "bad")[row % 5 % 2]]]
TITLES = [(f"{('球队赢得了比赛', '股市今天收盘上涨')[row % 2]}{row}", ("体育", "财经")[row % 2]) for row in range(N)]
PICTURES = [f"{label}/{number}.png" for label in ("cat", "dog") for number in range(6)]
KINDS = "@attribute age numeric\n@attribute dose numeric\n@attribute colour {red,green,blue}\n"
LABEL = "@attribute label {ill,well}\n"
LABELS_OF_TWO = ["1,0", "0,1", "1,1", "0,0"]


@dataclass(frozen=True)
class FormatFile:
    """A file of a format.

    Attributes:
        title: of the format, in English and in Chinese.
        path: that is looked at, in the folder.
        write: writes it into a folder.
        trains: whether it can be trained on as it is.
    """

    title: tuple[str, str]
    path: str
    write: Callable[[Path], object]
    trains: bool = True


def lines(*rows: str) -> str:
    return "\n".join([*rows, ""])


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def table(ending: str, write: Callable[[Path], object]) -> Callable[[Path], object]:
    """Write the table to a file of an ending."""
    return lambda folder: write(folder / f"patients{ending}")


def packed(name: str, compress: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda folder: put(folder / name, compress(FRAME.to_csv(index=False).encode()))


def write_arff(folder: Path) -> None:
    import arff

    attributes = [("age", "REAL"), ("dose", "REAL"), ("colour", ["red", "green", "blue"]), ("label", ["ill", "well"])]
    rows = FRAME.to_numpy().tolist()
    put(folder / "patients.arff", arff.dumps({"relation": "patients", "attributes": attributes, "data": rows}))


def write_sparse_arff(folder: Path) -> None:
    rows = [
        f"{{0 {age}, 1 {dose}{', 2 ' + colour if colour != 'red' else ''}{', 3 well' if label == 'well' else ''}}}"
        for age, dose, colour, label in FRAME.itertuples(index=False)
    ]
    put(folder / "sparse.arff", lines("@relation patients", KINDS + LABEL + "@data", *rows))


def write_mulan(folder: Path) -> None:
    names = ("calm", "sad")
    marks = "".join(f"@attribute {name} {{0,1}}\n" for name in names)
    rows = [f"{row % 9},{row * 7 % 36 / 4},{LABELS_OF_TWO[row % 4]}" for row in range(N)]
    put(
        folder / "moods.arff",
        lines("@relation moods", "@attribute beat numeric", "@attribute pitch numeric", marks + "@data", *rows),
    )
    labels = "".join(f'<label name="{name}"/>' for name in names)
    put(folder / "moods.xml", f'<labels xmlns="http://mulan.sourceforge.net/labels">{labels}</labels>')


def write_meka(folder: Path) -> None:
    marks = "".join(f"@attribute {name} {{0,1}}\n" for name in ("calm", "sad"))
    rows = [f"{LABELS_OF_TWO[row % 4]},{row % 9},{row * 7 % 36 / 4}" for row in range(N)]
    head = "@relation 'moods: -C 2'"
    put(
        folder / "meka.arff", lines(head, marks + "@attribute beat numeric", "@attribute pitch numeric", "@data", *rows)
    )


def write_libsvm(folder: Path) -> None:
    from sklearn.datasets import dump_svmlight_file

    marks = [1 if label == "ill" else -1 for label in FRAME["label"]]
    dump_svmlight_file(NUMBERS_NF, marks, str(folder / "patients.libsvm"), zero_based=False)


def write_database(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "patients.db")) as connection:
        FRAME.to_sql("patients", connection, index=False)


def write_hugging_face(folder: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    features = {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])}
    columns = {"text": [text for text, _ in TEXTS], "label": [mood for _, mood in TEXTS]}
    rows = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
    datasets.DatasetDict(train=rows.select(range(30)), test=rows.select(range(30, N))).save_to_disk(folder / "hotels")


def write_sav(folder: Path) -> None:
    import pyreadstat

    codes = FRAME.assign(label=FRAME["label"].map({"ill": 1, "well": 2}))
    pyreadstat.write_sav(codes, str(folder / "patients.sav"), variable_value_labels={"label": {1: "ill", 2: "well"}})


def write_zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        archive.writestr("data/README.md", "About.")
        archive.writestr("data/patients.csv", FRAME.to_csv(index=False))


def write_tar(folder: Path) -> None:
    inner = put(folder / "elsewhere" / "patients.csv", FRAME.to_csv(index=False))
    with tarfile.open(folder / "patients.tar.gz", "w:gz") as archive:
        archive.add(inner, "data/patients.csv")


def write_label_studio_min(folder: Path) -> None:
    rows = [(place, text, mood, 1) for place, (text, mood) in enumerate(TEXTS, 1)]
    as_array(folder / "project-min.json", label_studio.minimal(rows))


def write_label_studio_csv(folder: Path) -> None:
    names = ["annotation_id", "annotator", "created_at", "id", "lead_time", "sentiment", "text", "updated_at"]
    rows = [(place, 1, "2026", place, 3.1, mood, text, "2026") for place, (text, mood) in enumerate(TEXTS)]
    pd.DataFrame(rows, columns=names).to_csv(folder / "project.csv", index=False)


def write_prodigy(folder: Path) -> None:
    records = [choice(chr(97 + place), "POS" if mood == "good" else "NEG") for place, (_, mood) in enumerate(TEXTS)]
    as_lines(folder / "annotated.jsonl", [{**one, "text": text} for one, (text, _) in zip(records, TEXTS, strict=True)])


def write_roboflow(folder: Path) -> None:
    for part in ("train", "valid"):
        write_pictures(folder / "export" / part, 6)
        rows = [f"{name}, {int('cat' in name)}, {int('dog' in name)}" for name in PICTURES]
        put(folder / "export" / part / "_classes.csv", lines("filename, cat, dog", *rows))


def write_automl(folder: Path) -> None:
    write_pictures(folder / "photos", 6)
    parts = ("TRAIN", "TRAIN", "TRAIN", "TRAIN", "VALIDATION", "TEST")
    rows = [f"{parts[place % 6]},gs://bucket/photos/{name},{name[:3]}" for place, name in enumerate(PICTURES)]
    put(folder / "import.csv", lines(*rows))


def write_lst(folder: Path) -> None:
    write_pictures(folder / "photos", 6)
    rows = [f"{place}\t{int('dog' in name)}\tphotos/{name}" for place, name in enumerate(PICTURES)]
    put(folder / "photos.lst", lines(*rows))


def write_manifest(folder: Path) -> None:
    write_pictures(folder / "photos", 6)
    job = [said(**{"class-name": name[:3]}) for name in PICTURES]
    as_lines(
        folder / "output.manifest",
        [
            {"source-ref": f"s3://bucket/photos/{name}", "job": int("dog" in name), "job-metadata": one}
            for name, one in zip(PICTURES, job, strict=True)
        ],
    )


def write_cvat(folder: Path) -> None:
    write_pictures(folder / "photos", 6)
    cvat.write(folder, *((f"photos/{name}", cvat.TAG.format(name[:3]), "") for name in PICTURES))


def write_datumaro(folder: Path) -> None:
    write_pictures(folder / "photos", 6)
    items = [datumaro.item(name[:-4], int("dog" in name), image={"path": f"photos/{name}"}) for name in PICTURES]
    datumaro.write(folder, *items)


def write_pascal(folder: Path) -> None:
    names = [f"2007_{place:02}" for place in range(12)]
    write_payloads(folder / "VOC", {f"JPEGImages/{name}.jpg": encoded(pixels(seed=n)) for n, name in enumerate(names)})
    for label in (0, 1):
        marks = [f"{name} {1 if place % 2 == label else -1:2}" for place, name in enumerate(names)]
        for part, rows in (("train", marks[:8]), ("val", marks[8:])):
            put(folder / "VOC/ImageSets/Main" / f"{('cat', 'dog')[label]}_{part}.txt", lines(*rows))


def write_image_net(folder: Path) -> None:
    for part in ("train", "val"):
        write_pictures(folder / "photos" / part, 6, ("n01440764", "n02102040"))


def write_text_folder(folder: Path) -> None:
    for place, (text, mood) in enumerate(TEXTS):
        put(folder / "aclImdb" / ("test" if place % 4 == 3 else "train") / mood / f"{place}_7.txt", text)


def write_uci(folder: Path) -> None:
    names = ("7. Attribute Information:", "   1. age in years", "   2. dose", "   3. colour", "   4. label:", "")
    put(folder / "patients.data", FRAME.to_csv(index=False, header=False).replace(",green,", ",?,"))
    put(folder / "patients.names", lines("1. Title: Patients", "5. Number of Instances: 40", *names))


def write_medmnist(folder: Path) -> None:
    rng = np.random.default_rng(0)
    images_NHWC = rng.integers(0, 256, (24, 28, 28, 3), dtype=np.uint8)
    medmnist(folder / "pathmnist.npz", images_NHWC, (np.arange(24, dtype=np.uint8) % 3)[:, None])


def write_cifar(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name, n_rows in (("data_batch_1.bin", 8), ("data_batch_2.bin", 8), ("test_batch.bin", 4)):
        rows = [bytes([row % 2]) + rng.integers(0, 256, 3072, dtype=np.uint8).tobytes() for row in range(n_rows)]
        put(folder / "cifar-10-batches-bin" / name, b"".join(rows))
    put(folder / "cifar-10-batches-bin" / "batches.meta.txt", "airplane\nautomobile\n")


def in_folder(name: str, write: Callable[[Path], object]) -> Callable[[Path], object]:
    def written(folder: Path) -> None:
        (folder / name).mkdir()
        write(folder / name)

    return written


def glue(folder: Path) -> None:
    put(folder / "train.tsv", lines("sentence\tlabel", *(f'5" {text}\t{int(mood == "good")}' for text, mood in TEXTS)))


def argilla(folder: Path) -> None:
    as_array(folder / "records.json", [argilla_record(f"r{n}", *one, one[1]) for n, one in enumerate(TEXTS)])


def clue(folder: Path) -> None:
    rows = [
        {"label": f"10{'体育财经'.index(word) // 2}", "label_desc": f"news_{word}", "sentence": title}
        for title, word in TITLES
    ]
    as_lines(folder / "train.json", rows)


def super_glue(folder: Path) -> None:
    """The keys and the order of BoolQ's train.jsonl."""
    rows = [
        {
            "question": f"is it {text}",
            "passage": f"It was {text}, people say of house {n}.",
            "idx": n,
            "label": mood == "good",
        }
        for n, (text, mood) in enumerate(TEXTS)
    ]
    as_lines(folder / "train.jsonl", rows)


FILES = {
    "delimited": FormatFile(
        ("CSV", "CSV"), "patients.csv", table(".csv", lambda path: FRAME.to_csv(path, index=False))
    ),
    "gz": FormatFile((".csv.gz", ".csv.gz"), "patients.csv.gz", packed("patients.csv.gz", gzip.compress)),
    "bz2": FormatFile((".csv.bz2", ".csv.bz2"), "patients.csv.bz2", packed("patients.csv.bz2", bz2.compress)),
    "xz": FormatFile((".csv.xz", ".csv.xz"), "patients.csv.xz", packed("patients.csv.xz", lzma.compress)),
    "zst": FormatFile(
        (".csv.zst", ".csv.zst"),
        "patients.csv.zst",
        packed("patients.csv.zst", lambda content: pa.Codec("zstd").compress(content, asbytes=True)),
    ),
    "zip": FormatFile(("A zip file with one table", "只含一个表格的 zip"), "archive.zip", write_zip),
    "tar": FormatFile(("A tar file with one table", "只含一个表格的 tar"), "patients.tar.gz", write_tar),
    "arff": FormatFile(("ARFF", "ARFF"), "patients.arff", write_arff),
    "arff_sparse": FormatFile(("ARFF, sparse", "ARFF，稀疏"), "sparse.arff", write_sparse_arff),
    "arff_mulan": FormatFile(("ARFF with the XML of MULAN", "ARFF 与 MULAN 的 XML"), "moods.arff", write_mulan),
    "arff_meka": FormatFile(("ARFF of MEKA", "MEKA 的 ARFF"), "meka.arff", write_meka),
    "keel": FormatFile(("KEEL with its folds", "KEEL 及其各折"), "iris-3-1tra.dat", keel.family),
    "libsvm": FormatFile(("LIBSVM, SVMlight", "LIBSVM、SVMlight"), "patients.libsvm", write_libsvm),
    "excel": FormatFile(
        ("Excel", "Excel"), "patients.xlsx", table(".xlsx", lambda path: FRAME.to_excel(path, index=False))
    ),
    "arrow_ipc": FormatFile(
        ("Feather, Arrow IPC", "Feather、Arrow IPC"), "patients.feather", table(".feather", FRAME.to_feather)
    ),
    "parquet": FormatFile(("Parquet", "Parquet"), "patients.parquet", table(".parquet", FRAME.to_parquet)),
    "huggingface": FormatFile(
        ("Hugging Face, save_to_disk", "Hugging Face 的 save_to_disk"), "hotels", write_hugging_face
    ),
    "json_array": FormatFile(
        ("A JSON array", "JSON 数组"),
        "patients.json",
        table(".json", lambda path: FRAME.to_json(path, orient="records")),
    ),
    "json_lines": FormatFile(
        ("JSON lines", "JSON 行"),
        "patients.jsonl",
        table(".jsonl", lambda path: FRAME.to_json(path, orient="records", lines=True)),
    ),
    "stata": FormatFile(
        ("Stata", "Stata"), "patients.dta", table(".dta", lambda path: FRAME.to_stata(path, write_index=False))
    ),
    "stata_spss": FormatFile(("SPSS", "SPSS"), "patients.sav", write_sav),
    "sqlite": FormatFile(("SQLite", "SQLite"), "patients.db", write_database),
    "fasttext": FormatFile(
        ("fastText", "fastText"),
        "reviews.train",
        lambda folder: put(folder / "reviews.train", lines(*(f"__label__{mood} {text}" for text, mood in TEXTS))),
    ),
    "doccano": FormatFile(("doccano", "doccano"), "export.jsonl", lambda folder: write_doccano(folder / "export")),
    "label_studio": FormatFile(
        ("Label Studio, JSON", "Label Studio，JSON"),
        "export.json",
        lambda folder: write_label_studio(folder / "export"),
    ),
    "label_studio_min": FormatFile(
        ("Label Studio, JSON-MIN", "Label Studio，JSON-MIN"), "project-min.json", write_label_studio_min
    ),
    "label_studio_csv": FormatFile(("Label Studio, CSV", "Label Studio，CSV"), "project.csv", write_label_studio_csv),
    "argilla": FormatFile(("Argilla", "Argilla"), "records.json", argilla),
    "prodigy": FormatFile(("Prodigy", "Prodigy"), "annotated.jsonl", write_prodigy),
    "roboflow": FormatFile(("Roboflow", "Roboflow"), "export", write_roboflow),
    "automl_csv": FormatFile(("AutoML, Vertex AI", "AutoML、Vertex AI"), "import.csv", write_automl),
    "sagemaker_lst": FormatFile(("SageMaker and MXNet, .lst", "SageMaker 与 MXNet 的 .lst"), "photos.lst", write_lst),
    "sagemaker_manifest": FormatFile(
        ("SageMaker, augmented manifest", "SageMaker 的 augmented manifest"), "output.manifest", write_manifest
    ),
    "cvat": FormatFile(("CVAT", "CVAT"), "annotations.xml", write_cvat),
    "datumaro": FormatFile(("Datumaro", "Datumaro"), "default.json", write_datumaro),
    "pascal_voc": FormatFile(("PASCAL VOC", "PASCAL VOC"), "VOC", write_pascal),
    "image_net": FormatFile(
        ("A folder per class, as ImageNet", "每类一个文件夹，如 ImageNet"), "photos", write_image_net
    ),
    "glue": FormatFile(("GLUE", "GLUE"), "train.tsv", glue),
    "clue": FormatFile(("CLUE", "CLUE"), "train.json", clue),
    "superglue": FormatFile(("SuperGLUE", "SuperGLUE"), "train.jsonl", super_glue),
    "cnews": FormatFile(
        ("THUCNews", "THUCNews"),
        "cnews.train.txt",
        lambda folder: put(folder / "cnews.train.txt", lines(*(f"{word}\t{title}" for title, word in TITLES))),
    ),
    "uci": FormatFile(("UCI with its .names", "UCI 及其 .names"), "patients.data", write_uci),
    "text_folder": FormatFile(("A folder of texts per class", "每类一个文本文件夹"), "aclImdb", write_text_folder),
    "medmnist": FormatFile(("MedMNIST, .npz", "MedMNIST，.npz"), "pathmnist.npz", write_medmnist),
    "idx": FormatFile(("IDX, as MNIST", "IDX，如 MNIST"), "mnist", in_folder("mnist", mnist)),
    "cifar": FormatFile(("CIFAR, binary", "CIFAR，二进制"), "cifar-10-batches-bin", write_cifar),
    "cifar_pickled": FormatFile(
        ("CIFAR as Python pickled it", "被 Python pickle 过的 CIFAR"),
        "cifar-10-batches-py",
        in_folder("cifar-10-batches-py", write_pickled_batch),
        trains=False,
    ),
}
