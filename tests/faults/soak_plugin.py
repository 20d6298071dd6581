"""A plugin that writes into the file ``FOLDWISE_TEST_SOAK`` what the process holds after each fold or stack of them."""

import gc
import json
import os
import sys
import threading
from pathlib import Path

import torch

import trainer.run.stacked_folds

HOOKS = (
    "_global_forward_hooks",
    "_global_forward_pre_hooks",
    "_global_backward_hooks",
    "_global_backward_pre_hooks",
    "_global_module_registration_hooks",
    "_global_parameter_registration_hooks",
)
REPORT = Path(os.environ["FOLDWISE_TEST_SOAK"])
n_trained = 0


def looking(train):
    """Return ``train``, which then writes down what is held."""

    def train_and_look(*arguments, **options):
        global n_trained
        train(*arguments, **options)
        n_trained += 1
        found = holdings()
        with REPORT.open("a") as report:
            report.write(json.dumps(found) + "\n")
        if n_trained % 20 == 0:
            print(f"F15: {n_trained} trained, {found}", file=sys.stderr, flush=True)

    return train_and_look


def holdings() -> dict[str, int]:
    """Return what this process holds now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    held = [kind for kind in map(type, gc.get_objects()) if issubclass(kind, (torch.Tensor, torch.nn.Module))]
    return {
        "rss_kib": pages * os.sysconf("SC_PAGE_SIZE") // 1024,
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "python_threads": threading.active_count(),
        "children": len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()),
        "hooks": sum(len(getattr(torch.nn.modules.module, name)) for name in HOOKS),
        "tensors and modules": len(held),
    }


for name in ("train_fold", "train_stack"):
    setattr(trainer.run.stacked_folds, name, looking(getattr(trainer.run.stacked_folds, name)))
