"""A small run on iris, as a configuration to change."""

from typing import Any

IRIS: dict[str, Any] = {
    "data": {
        "_target_": "trainer.data.sources.bundled.load_bundled",
        "name": "iris",
        "preprocess": {"_target_": "trainer.data.preprocess.table.TablePreprocess", "standardize": True},
    },
    "model": {"_target_": "trainer.models.mlp.MLP", "hidden": [8], "dropout": 0.0},
    "loss": {"_target_": "trainer.losses.ce.CrossEntropy"},
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1},
    "scheduler": {"_target_": "torch.optim.lr_scheduler.ConstantLR", "factor": 1.0, "total_iters": 0},
    "device": "cpu",
}
