"""``foldwise search KEY=VALUE ...``: ``foldwise train`` with ``search=tpe``, unless another sampler is named."""

from collections.abc import Sequence

import typer

from trainer.cli.train import Overrides, train_main

DEFAULT = "search=tpe"
EXAMPLES = """\b
Examples:
  foldwise search data=wine "search.space={optimizer.lr: log(1e-4,1e-1), model.dropout: [0,0.2]}"
  foldwise search search=grid run=g1 "search.space={loss: [ce,focal], batch_size: [16,32]}"
  foldwise search search=random search.trials=100 search.final=refit "search.space={optimizer.lr: log(1e-4,1)}\""""


def search(arguments: Overrides = None) -> None:
    """Try other settings on the same folds; search.space says which, foldwise train --help lists the options."""
    raise typer.Exit(search_main(arguments or []))


def search_main(arguments: Sequence[str]) -> int:
    """Search as a command line says, and return the exit code."""
    named = any(item.startswith(("search=", "search.name=")) for item in arguments)
    return train_main([*arguments] if named else [DEFAULT, *arguments])
