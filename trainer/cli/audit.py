"""A leak audit without a run: ``foldwise audit FILE`` says what would make scores on it too good."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainer.cli.columns import Drop, File, Texts, given_columns, require_label, with_columns
from trainer.cli.flags import as_flags, columns_as_flags, fix_as_flags, named_as_flags
from trainer.data.columns.options import ColumnOptions
from trainer.errors import ConfigError, DataError
from trainer.system.paths import PathText

if TYPE_CHECKING:
    from trainer.audit.findings import Finding

EXAMPLES = """\b
Examples:
  foldwise audit reviews.csv --text review --label sentiment --split split --measure
  foldwise audit subjects.csv --label label --group subject
  foldwise audit photos/
  foldwise audit pathmnist.npz
  foldwise audit scans.csv --images scans.zip --file name --label finding --group patient
  foldwise audit runs/a1"""
IN_A_TABLE = "for images that a table names add --file COL"
Images = Annotated[
    PathText | None,
    typer.Option(metavar="DIR|ZIP", help="where the images are that FILE names; default: where FILE is"),
]
ImageFile = Annotated[
    str | None, typer.Option("--file", metavar="COL", help="column of FILE with the name of each image (default: file)")
]
Measure = Annotated[bool, typer.Option("--measure", help="say what the leak is worth: quick probes, both ways")]
Strict = Annotated[bool, typer.Option("--strict", help="end with exit code 3 where a leak is found")]


@dataclass(frozen=True)
class What:
    """What is audited: a table, images that it names, or (neither) a folder or arrays of images.

    Attributes:
        file: the table, the folder, a zip file or arrays.
        columns: of the table.
        text: columns with text.
        drop: columns left out.
        images: where the images are that a table names.
        image_file: the column that names them.
        measure: whether probes say what a leak is worth.
    """

    file: str
    columns: ColumnOptions
    text: list[str] | None
    drop: list[str] | None
    images: str | None
    image_file: str | None
    measure: bool


@with_columns
def audit(
    file: File,
    *,
    columns: ColumnOptions,
    text: Texts = None,
    drop: Drop = None,
    images: Images = None,
    image_file: ImageFile = None,
    measure: Measure = False,
    strict: Strict = False,
) -> None:
    """Find leaks in a table or a folder of images before training.

    Looks for what makes cross validation lie: copies and near copies on both sides of a split, groups torn apart, time
    going backwards, a column that is the label or an id, labels in file order. Rows are named, none is dropped.

    FILE is a table; with --images or --file a table that names image files; a directory or .zip with one folder of
    images per class; or arrays of images (.npz, IDX, CIFAR). With --split the split of that column is audited, else the
    one that the format has (images in train, val and test, datasets, KEEL; --split none does without), else the whole
    file. Tables and texts need --label, images that a table names too.

    FILE may also be the directory of a run: what its audit found, and whether its pseudo-labels leak, by its manifest.
    """
    from trainer.audit.findings import count
    from trainer.report.audit_table import show
    from trainer.report.terminal import terminal

    console = terminal()

    def tell(note: str) -> None:
        console.print(f"note: {as_flags(note)}", highlight=False, soft_wrap=True)

    with named_as_flags():
        findings = _findings(What(file, columns, text, drop, images, image_file, measure), tell)
    show([replace(one, message=columns_as_flags(one.message), fix=fix_as_flags(one.fix)) for one in findings], console)
    leaks = sum(finding.severity == "leak" for finding in findings)
    if strict and leaks:
        raise DataError(f"{file}: {count(leaks, 'leak')} (--strict)")


def _findings(what: What, tell: Callable[[str], None]) -> "list[Finding]":
    from trainer.audit.standalone import audit_arrays, audit_file, audit_images
    from trainer.data.images.array_files import named_as_arrays
    from trainer.store.run_files import is_run

    names_images = bool(what.images or what.image_file)
    if is_run(Path(what.file)):
        _require_none(what, given_columns(what.columns), f"{what.file} is a run, which says itself how it was split")
        return _of_run(Path(what.file))
    if not names_images and named_as_arrays(Path(what.file)):
        _require_none(what, given_columns(what.columns), f"{what.file} is read as arrays of images and their labels")
        return audit_arrays(what.file, measure=what.measure, tell=tell)
    if not names_images and _is_of_images(what.file):
        _require_none(
            what, given_columns(what.columns), f"{what.file} is read as images, one folder per class; {IN_A_TABLE}"
        )
        return _audited_folder(what, tell)
    require_label(what.columns, what.file)
    if names_images:
        _require_none(what, ["weight"] if what.columns.weight else [], "only the images are read")
        column = what.image_file or "file"
        return audit_images(what.file, what.columns, images=what.images, file=column, measure=what.measure, tell=tell)
    if what.text and what.drop:
        raise ConfigError("--drop has no effect with --text: only the text is read")
    return audit_file(what.file, what.columns, text=what.text, drop=what.drop or (), measure=what.measure, tell=tell)


def _of_run(directory: Path) -> "list[Finding]":
    """Return what the audit of a run found, and whether its pseudo-labels leak."""
    from trainer.audit.findings import Finding, worst_first
    from trainer.audit.pseudo_chain import KIND, pseudo_findings
    from trainer.run.copies import open_copy

    run = open_copy(directory)
    before = [
        Finding(**{**one, "rows": tuple(one["rows"]), "folds": tuple(one["folds"])}) for one in run.facts["audit"]
    ]
    others = [finding for finding in before if finding.kind != KIND]
    return worst_first([*others, *pseudo_findings(run.facts.get("pseudo"), run.plan)])


def _is_of_images(file: str) -> bool:
    """Return whether a path is a folder that no format of tables has, or a zip file with images."""
    from trainer.data.images.image_files import list_files
    from trainer.look.at_folder import is_one_table

    if Path(file).is_dir():
        return not is_one_table(Path(file))
    return file.lower().endswith(".zip") and bool(list_files(file).images())


def _audited_folder(what: What, tell: Callable[[str], None]) -> "list[Finding]":
    from trainer.audit.standalone import audit_folder

    try:
        return audit_folder(what.file, measure=what.measure, tell=tell)
    except DataError as error:  # which names the loader of a run
        raise DataError(str(error).replace("use data=image_csv", "add --file COL --label COL")) from error


def _require_none(what: What, columns: list[str], why: str) -> None:
    used = [name for name in ("text", "drop") if getattr(what, name)] + columns
    given = [f"--{name.replace('_', '-')}" for name in used]
    if given:
        raise ConfigError(f"{' and '.join(given)} {'has' if len(given) == 1 else 'have'} no effect: {why}")
