"""A leak audit without a run: ``foldwise audit FILE`` says what would make scores on it too good."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from trainer.audit.findings import Finding, count
from trainer.audit.standalone import audit_file, audit_folder, audit_images
from trainer.cli.split import LOADING, add_columns, columns_of, named_as_flags
from trainer.errors import ConfigError, DataError
from trainer.report.audit_table import show
from trainer.report.terminal import terminal

DESCRIPTION = """Look for what makes cross validation lie: copies and near copies on both sides of a split, groups torn
apart, time going backwards, a column that is the label or an id, labels in file order. Rows are named, none is dropped.

FILE is a table; with --images or --file a table that names image files; or a directory or .zip with one folder of
images per class. With --split the split of that column is audited, of images in train, val and test folders that one,
else the whole file. Tables and texts need --label, images that a table names too."""
EXAMPLES = """examples:
  foldwise audit reviews.csv --text review --label sentiment --split split --measure
  foldwise audit subjects.csv --label label --group subject
  foldwise audit photos/
  foldwise audit scans.csv --images scans.zip --file name --label finding --group patient"""
IN_A_TABLE = "for images that a table names add --file COL"
COLUMNS = ("text", "drop", *(name for name in LOADING if name != "encoding"))


def add_audit(commands: Any) -> None:
    """Add the subcommand to those of the command line."""
    parser: ArgumentParser = commands.add_parser(
        "audit",
        help="find leaks in a table or a folder of images before anything is trained on it",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add_columns(parser, label_required=False)
    images = parser.add_argument_group("images that FILE names")
    images.add_argument("--images", metavar="DIR|ZIP", help="where the image files are; default: where FILE is")
    images.add_argument("--file", dest="image_file", metavar="COL", help="name of each image file (default: file)")
    parser.add_argument("--measure", action="store_true", help="say what the leak is worth: quick probes, both ways")
    parser.add_argument("--strict", action="store_true", help="end with exit code 3 where a leak is found")
    parser.set_defaults(run=run_audit)


def run_audit(parsed: Namespace) -> None:
    """Audit and print.

    Raises:
        DataError: the file cannot be read; under ``--strict``, a leak was found.
        ConfigError: an option has no effect, or is missing.
    """
    with named_as_flags():
        findings = _findings(parsed)
    show(findings, terminal())
    leaks = sum(finding.severity == "leak" for finding in findings)
    if parsed.strict and leaks:
        raise DataError(f"{parsed.file}: {count(leaks, 'leak')} (--strict)")


def _findings(parsed: Namespace) -> list[Finding]:
    names_images = bool(parsed.images or parsed.image_file)
    if not names_images and (Path(parsed.file).is_dir() or parsed.file.lower().endswith(".zip")):
        _require_none(parsed, COLUMNS, f"{parsed.file} is read as images, one folder per class; {IN_A_TABLE}")
        return _audited_folder(parsed)
    if not parsed.label:
        raise ConfigError("--label COL is missing: the column with the label")
    columns, measure = columns_of(parsed), parsed.measure
    if names_images:
        _require_none(parsed, ("text", "drop", "weight"), "only the images are read")
        return audit_images(
            parsed.file, columns, images=parsed.images, file=parsed.image_file or "file", measure=measure
        )
    if parsed.text and parsed.drop:
        raise ConfigError("--drop has no effect with --text: only the text is read")
    return audit_file(parsed.file, columns, text=parsed.text, drop=parsed.drop or (), measure=measure)


def _audited_folder(parsed: Namespace) -> list[Finding]:
    try:
        return audit_folder(parsed.file, measure=parsed.measure)
    except DataError as error:  # which names the loader of a run
        raise DataError(str(error).replace("use data=image_csv", "add --file COL --label COL")) from error


def _require_none(parsed: Namespace, names: tuple[str, ...], why: str) -> None:
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(parsed, name)]
    if not given:
        return
    raise ConfigError(f"{' and '.join(given)} {'has' if len(given) == 1 else 'have'} no effect: {why}")
