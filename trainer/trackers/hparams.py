"""The settings by which a tracker compares runs."""

from collections.abc import Mapping
from typing import Any

from trainer.config.keys import flatten


def hparams(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the leading settings of a configuration by name; ``picked per fold`` where inner folds choose."""
    named = {
        "data": config["data"]["_target_"].rpartition(".")[2],
        "model": config["model"]["_target_"].rpartition(".")[2],
        "loss": config["loss"]["_target_"].rpartition(".")[2],
        "optimizer": config["optimizer"]["_target_"].rpartition(".")[2],
        "lr": config["optimizer"].get("lr"),
        "amp": config["amp"]["opt_level"],
        "batch_size": config["batch_size"],
        "max_epochs": config["max_epochs"],
        "seed": config["seed"],
    }
    grid = flatten(config["cv"]["inner"]["grid"])
    chosen = {key.removeprefix("optimizer.").removesuffix(".opt_level") for key in grid}
    return {key: "picked per fold" if key in chosen else value for key, value in named.items()}
