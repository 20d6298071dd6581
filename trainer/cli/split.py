"""A split without a run: ``foldwise split FILE`` shows it, and writes it in the format of this or another tool."""

from pathlib import Path
from typing import Annotated

import typer

from trainer.cli.columns import Drop, File, Texts, require_label, with_columns
from trainer.cli.flags import named_as_flags
from trainer.config.cv import RARE_POLICIES, STRATEGIES
from trainer.data.columns.options import ColumnOptions
from trainer.system.paths import PathText

EXAMPLES = f"""\b
Strategies:
  {", ".join(STRATEGIES[:6])},
  {", ".join(STRATEGIES[6:])}

\b
Examples:
  foldwise split reviews.csv --label sentiment --text review --out folds.csv
  foldwise split subjects.csv --label label --group subject --n-splits 5 --out splits_final.json
  foldwise split music.csv --label 'label:*' --cv multilabel --repeats 3 --out folds.npz
  foldwise split sales.csv --label churn --time day --cv time --gap 7

The name of --out says the format: folds.json, any .csv or .npz, splits_final.json (nnU-Net), datalist.json (MONAI),
any .arff (OpenML), fold_*.txt (a list of ids for each fold).

\b
To train on it:
  python train.py data=csv_tabular data.path=FILE ... cv=predefined cv.path=NAME"""
Folds = Annotated[
    PathText | None, typer.Option(metavar="NAME", help="file of folds made elsewhere, instead of --split")
]
Strategy = Annotated[str | None, typer.Option(metavar="STRATEGY", help="default: by the columns given, see above")]
Splits = Annotated[int, typer.Option(metavar="K", help="folds")]
Repeats = Annotated[int, typer.Option(metavar="R", help="split so often, each time again")]
Seed = Annotated[int, typer.Option(metavar="S", help="of the shuffle, as cv.random_state")]
KeepOrder = Annotated[bool, typer.Option("--no-shuffle", help="keep the order of the rows")]
Rare = Annotated[
    str, typer.Option(metavar="POLICY", help=f"classes with fewer rows than folds: {', '.join(RARE_POLICIES)}")
]
Gap = Annotated[int, typer.Option(metavar="T", help="times left out before the held-out part (time)")]
Window = Annotated[int | None, typer.Option(metavar="T", help="most times to train on (time); default: all before")]
Share = Annotated[float, typer.Option(metavar="F", help="share held out (holdout)")]
Out = Annotated[Path | None, typer.Option(metavar="NAME", help="file to write the folds to")]


@with_columns
def split(
    file: File,
    *,
    columns: ColumnOptions,
    text: Texts = None,
    drop: Drop = None,
    path: Folds = None,
    cv: Strategy = None,
    n_splits: Splits = 5,
    repeats: Repeats = 1,
    seed: Seed = 42,
    no_shuffle: KeepOrder = False,
    rare: Rare = "refuse",
    gap: Gap = 0,
    window: Window = None,
    holdout_fraction: Share = 0.2,
    out: Out = None,
) -> None:
    """Split a table into folds: show them, write them to a file.

    Without --cv the columns decide: --split or --path give the folds, --time splits by time, --group keeps groups
    together (stratified_group); else stratified, or multilabel for several labels per row.
    """
    from trainer.cli.split_file import Splitting, Table, split_file
    from trainer.folds.request import SplitOptions

    with named_as_flags():
        require_label(columns, file)
    table = Table(file, columns, text, drop)
    how = Splitting(
        path, cv, n_splits, repeats, seed, not no_shuffle, SplitOptions(rare, gap, window, holdout_fraction)
    )
    split_file(table, how, out)
