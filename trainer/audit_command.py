"""A leak audit without a run: ``foldwise audit FILE`` says what would make scores on it too good."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from typing import Any

from rich.console import Console

from trainer.audit.command import audit_file
from trainer.audit.findings import Finding, count
from trainer.config.errors import ConfigError, DataError
from trainer.report.audit_table import show
from trainer.split_command import add_columns, in_own_words

DESCRIPTION = """Look for what makes cross validation lie: copies and near copies on both sides of a split, groups torn
apart, time going backwards, a column that is the label or an id, labels in file order. Rows are named, none is dropped.

With --split the split of that column is audited, else the whole file."""
EXAMPLES = """examples:
  foldwise audit reviews.csv --text review --label sentiment --split split --measure
  foldwise audit subjects.csv --label label --group subject"""


def add_audit(commands: Any) -> None:
    """Add the subcommand to those of the command line."""
    parser: ArgumentParser = commands.add_parser(
        "audit",
        help="find leaks in a table before anything is trained on it",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add_columns(parser)
    parser.add_argument("--measure", action="store_true", help="say what the leak is worth: quick probes, both ways")
    parser.add_argument("--strict", action="store_true", help="end with exit code 3 where a leak is found")
    parser.set_defaults(run=run_audit)


def run_audit(parsed: Namespace) -> None:
    """Audit and print.

    Raises:
        DataError: the file cannot be read; under ``--strict``, a leak was found.
        ConfigError: an option has no effect.
    """
    if parsed.text and parsed.drop:
        raise ConfigError("--drop has no effect with --text: only the text is read")
    with in_own_words():
        findings = _findings(parsed)
    show(findings, Console())
    leaks = sum(finding.severity == "leak" for finding in findings)
    if parsed.strict and leaks:
        raise DataError(f"{parsed.file}: {count(leaks, 'leak')} (--strict)")


def _findings(parsed: Namespace) -> list[Finding]:
    return audit_file(
        parsed.file,
        label=parsed.label,
        text=parsed.text,
        group=parsed.group,
        time=parsed.time,
        split=parsed.split,
        id=parsed.id,
        drop=[*(parsed.drop or []), *([parsed.weight] if parsed.weight else [])],
        measure=parsed.measure,
        encoding=parsed.encoding,
        delimiter=parsed.delimiter,
        label_delimiter=parsed.label_delimiter,
    )
