"""Does ``foldwise look`` say what a person says who has seen each file? ``python -m benchmarks.look DATA CASES``.

DATA holds the public data sets of docs/record/experiments.md, CASES small inputs that were once answered wrongly. What
is right was written by hand, from the files alone: the label, the group, the split, and the kind of each column.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.look.answer import Look
from trainer.look.look_at import look_at


@dataclass(frozen=True)
class Truth:
    """What is right for a file.

    Attributes:
        file: below the folder.
        label: column, pattern or columns with commas; empty where a person would not say which it is either.
        kinds: of the columns in their order, ``2 number, category`` for number, number, category.
        group: columns that may be one, any of which is right; empty = there is none.
        split: the column with one, or empty.
    """

    file: str
    label: str
    kinds: str
    group: tuple[str, ...] = ()
    split: str = ""


THYROID = (
    "number, 15 category, category, number, category, number, category, number, category, number, category, number"
)
DATA = (
    Truth("dirty/htl_ba_2000_gbk.csv", "label", "category, id, text"),
    Truth("dirty/jd_aspects_bom_test.csv", "label", "text, category"),
    Truth("dirty/jd_aspects_bom_train.csv", "label", "text, category"),
    Truth(
        "dirty/sms_spam_kaggle_latin1.csv", "v1", "category, text, text, text, text"
    ),  # the last three: texts with commas
    Truth("grouped/meld.csv", "label", "text, 4 category", ("speaker", "dialogue"), "split"),
    Truth("grouped/parkinsons.csv", "label", "22 number, category, number", ("subject",)),
    Truth("grouped/parkinsons_original.data", "status", "id, 23 number"),
    Truth("multilabel/emotions.csv", "label:*", "78 number, category", split="split"),
    Truth("multilabel/event_zh.csv", "labels", "text, 2 category", split="split"),
    Truth("multilabel/flags.csv", "label:*", "26 number, category", split="split"),
    Truth("multilabel/jd_aspects.csv", "labels", "text, 2 category", split="split"),
    Truth("multilabel/scene.csv", "label:*", "300 number, category", split="split"),
    Truth("tabular/glass.csv", "label", "10 number"),
    Truth("tabular/hypothyroid.csv", "label", f"{THYROID}, constant, empty, 2 category"),
    Truth("tabular/ionosphere.csv", "label", "number, constant, 32 number, category"),
    Truth("tabular/mammography.csv", "label", "7 number"),
    Truth("tabular/pima.csv", "label", "9 number"),
    Truth("tabular/sick.csv", "label", f"{THYROID}, constant, empty, 2 category"),
    Truth("tabular/sonar.csv", "label", "60 number, category"),
    Truth("text/cr.csv", "label", "text, category"),
    Truth("text/mr.csv", "label", "text, category"),
    Truth("text/sst1.csv", "label", "text, number, category", split="split"),
    Truth("text/sst2.csv", "label", "text, number, category", split="split"),
    Truth("zh/chnsenticorp_9600_1200_1200.csv", "label", "text, number, category", split="split"),
    Truth("zh/chnsenticorp_htl_all.csv", "label", "number, text"),
    Truth("zh/htl_ba_2000_clean_gbk.csv", "label", "text, category"),
    Truth("zh/thucnews_titles_20k.csv", "label", "text, 2 category", split="split"),
    Truth("images/bccd_multilabel_160.zip", "labels", "image file, category, 3 number, category", split="split"),
    Truth("images/fashion_mnist_sprite900.zip", "", ""),
    Truth("images/hymenoptera_160.zip", "", "", split="folder"),
)
CASES = (
    Truth("checkpointing-in-config/texts.csv", "label", "text, category"),
    Truth("csv-messages/sep.csv", "y", "3 number"),
    Truth("folds-overlap/cases.csv", "y", "id, 2 number"),
    Truth("held-out-class-never-trained/trailing_dot.csv", "label", "2 number, 2 category", split="split"),
    Truth("image-subfolders/people.zip", "", "", ("folder",)),
    Truth("joined-labels-literal/listrepr.csv", "genres", "2 number, list"),
    Truth("label-forms/fw_labels.csv", "y", "2 number"),
    Truth("label-forms/nfd_labels.csv", "y", "number, category"),
    Truth("label-forms/zw_labels.csv", "y", "number, category"),
    Truth("leading-zero-codes/codes_leading_zero.csv", "label", "category, number, category"),
    Truth("missing-label-words/label_NA.csv", "label", "2 number, category"),
    Truth("missing-label-words/label_empty.csv", "label", "2 number, category"),
    Truth("missing-label-words/label_question.csv", "label", "2 number, category"),
    Truth("no-header/noheader.csv", "c3", "3 number"),
    Truth("number-like-text/cens.csv", "y", "3 number"),
    Truth("number-like-text/dates.csv", "y", "date, 2 number"),
    Truth("number-like-text/money.csv", "y", "3 number"),
    Truth("number-like-text/pct40.csv", "y", "3 number"),
    Truth("number-like-text/pctdense.csv", "y", "3 number"),
    Truth("positive-class-by-spelling/fraud.csv", "y", "2 number, category"),
    Truth("rare-labels-multilabel/ml_rare.csv", "l:*", "4 number, constant"),
    Truth("split-and-group-columns/patients.csv", "diagnosis", "category, 4 number, category", ("patient_id",)),
    Truth("split-and-group-columns/split_column_ignored.csv", "label", "number, 2 category", split="split"),
    Truth("thop-packed-lstm/len.tsv", "label", "text, number"),
    Truth("thousands-with-points/einwohner.csv", "label", "2 number, category"),
    Truth("undefined-metric-epoch/mlrare.csv", "L1, L2, L3", "5 number"),
    Truth("undefined-metric-epoch/pos5.csv", "y", "3 number"),
    Truth("unlabelled-as-minus-one/glue.jsonl", "label", "text, number, category", split="split"),
    Truth("unquoted-tsv/sst.tsv", "label", "text, number"),
    Truth("zip-names/images.csv", "label", "image file, category"),
)


@dataclass(frozen=True)
class Score:
    """What was said rightly of a file: ``label`` and ``roles`` are yes or no, ``kinds`` counts columns."""

    file: str
    label: bool | None
    roles: bool
    kinds: int
    columns: int
    wrong: tuple[str, ...]
    trains: bool
    seconds: float


def kinds_of(spec: str) -> list[str]:
    """Return the kinds one by one.

    Example:
        >>> kinds_of("2 number, image file")
        ['number', 'number', 'image file']
    """
    found = []
    for part in filter(None, spec.split(", ")):
        count, _, kind = part.partition(" ")
        found += [kind] * int(count) if count.isdigit() else [part]
    return found


def score(truth: Truth, found: Look, seconds: float) -> Score:
    """Compare what was said with what is right."""
    names = {role: [one.name for one in candidates] for role, candidates in found.candidates.items()}
    kinds = kinds_of(truth.kinds)
    if len(kinds) != len(found.columns):
        raise ValueError(f"{truth.file}: {len(kinds)} columns are written down, {len(found.columns)} were found")
    pairs = list(zip(kinds, found.columns, strict=True))
    wrong = [f"{column.name}: {column.kind}, not {kind}" for kind, column in pairs if column.kind != kind]
    group, split = names.get("group", []), names.get("split", [])
    label = names.get("label", [""])[0] == truth.label if truth.label else None
    if label is False:
        wrong.insert(0, f"label {names.get('label', ['none'])[0]}, not {truth.label}")
    roles = (group[0] in truth.group if group else not truth.group) and split[:1] == [truth.split] * bool(truth.split)
    n_right = len(kinds) - sum(column.kind != kind for kind, column in pairs)
    return Score(truth.file, label, roles, n_right, len(kinds), tuple(wrong), bool(found.train), seconds)


def scores(folder: Path, truths: Sequence[Truth]) -> list[Score]:
    """Look at each file that is there."""
    found = []
    for truth in truths:
        path = folder / truth.file
        if path.exists():
            began = time.process_time()
            look = look_at(str(path))
            found.append(score(truth, look, time.process_time() - began))
    return found


def as_table(found: Sequence[Score]) -> str:
    """Return a line per file and one for all, as Markdown."""
    lines = ["| file | label | group and split | kinds | command | CPU s |", "|---|---|---|---:|---|---:|"]
    for one in found:
        label = "-" if one.label is None else "yes" if one.label else "no"
        kinds = f"{one.kinds} of {one.columns}" if one.columns else "-"
        roles, trains = ("yes" if right else "no" for right in (one.roles, one.trains))
        lines.append(f"| {one.file} | {label} | {roles} | {kinds} | {trains} | {one.seconds:.2f} |")
    labels = [one for one in found if one.label is not None]
    n_kinds, n_columns = sum(one.kinds for one in found), sum(one.columns for one in found)
    lines.append(
        f"| all {len(found)} | {sum(bool(one.label) for one in labels)} of {len(labels)} | "
        f"{sum(one.roles for one in found)} of {len(found)} | {n_kinds} of {n_columns} "
        f"({n_kinds / max(n_columns, 1):.1%}) | {sum(one.trains for one in found)} of {len(found)} | "
        f"{sum(one.seconds for one in found):.1f} |"
    )
    wrong = [f"- {one.file}: {what}" for one in found for what in one.wrong]
    return "\n".join([*lines, "", *wrong])


def main(arguments: Sequence[str]) -> None:
    """Print the table of each folder that is named."""
    for folder, truths in zip(map(Path, arguments), (DATA, CASES), strict=False):
        print(as_table(scores(folder, truths)), end="\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
