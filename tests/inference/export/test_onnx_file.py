"""What torch's exporter does to the process it runs in."""

import subprocess
import sys

import pytest

EXPORT_AND_FORK = """
import os
import sys
import torch
from trainer.inference.export.onnx_file import keep_forks_able

def backward():
    torch.nn.Linear(3, 2)(torch.ones(2, 3)).sum().backward()

if sys.argv[1] == "kept":
    keep_forks_able()
torch.export.export(torch.nn.Linear(3, 2), (torch.ones(2, 3),), dynamic_shapes=({0: torch.export.Dim("rows")},))
backward()
if os.fork() == 0:
    backward()
    print("trained", flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.battery
@pytest.mark.parametrize(("how", "said"), [("kept", "trained\n"), ("left", "")])
def test_folds_are_trained_in_forked_processes_after_an_export(how, said):
    done = subprocess.run([sys.executable, "-c", EXPORT_AND_FORK, how], capture_output=True, text=True)
    assert (done.stdout, "autograd's threading" in done.stderr) == (said, not said), done.stderr
