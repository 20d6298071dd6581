"""Models of a plugin as graphs, and what torch's exporter does to the process it runs in."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from tests.inference.export.alone import require_same_rows
from tests.inference.run_cases import table_options, trained_in
from trainer.cli.main import main
from trainer.errors import ConfigError
from trainer.inference.export.onnx_file import write_onnx
from trainer.inference.export.steps import predict_file

PLUGIN = """
from torch import cat, nn


class Net(nn.Module):
    def __init__(self, n_features, cardinalities, n_outputs):
        super().__init__()
        self.codes = nn.Embedding(cardinalities[0], 3)
        self.norm = nn.LayerNorm(n_features + 3)
        self.out = nn.Linear(n_features + 3, n_outputs)

    def forward(self, numeric, categorical):
        return self.out(self.norm(cat([numeric, self.codes(categorical[:, 0])], dim=1)).relu())
"""

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


def test_a_model_of_a_plugin_is_exported_as_any_other(tmp_path, monkeypatch, capsys):
    (tmp_path / "exported_net.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    options = [option for option in table_options(tmp_path) if not option.startswith("model.")]
    run = trained_in(tmp_path, *options, "plugins=[exported_net]", "model._target_=exported_net.Net")
    command = ["export", str(run), "-o", str(tmp_path / "model"), "--plugins", "exported_net"]
    assert main([*command, "--format", "torch"]) == 2
    assert "--format torch has no way to hold a Net: give --format onnx" in capsys.readouterr().err
    assert main(command) == 0
    table = str(tmp_path / "table.csv")
    assert predict_file.main(tmp_path / "model", [table, "-o", str(tmp_path / "alone.csv")]) == 0
    assert main(["predict", str(run), table, "-o", str(tmp_path / "run.csv"), "--plugins", "exported_net"]) == 0
    require_same_rows(tmp_path / "alone.csv", tmp_path / "run.csv")


class Bessel(nn.Module):
    def forward(self, **raw):
        return torch.special.bessel_j0(raw["x"]), raw["x"]


class Undecided(nn.Module):
    def forward(self, **raw):
        return (raw["x"] if raw["x"].sum() > 0 else -raw["x"]), raw["x"]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Bessel, "the operation prims.bessel_j0, which ONNX does not have"),
        (Undecided, "depends on the values in a batc"),
    ],
)
def test_what_no_graph_can_hold_is_named(model, said, tmp_path, capfd):
    with pytest.raises(ConfigError, match=f"{said}(.|\n)*foldwise predict, and serve, answer with this run"):
        write_onnx(model().eval(), {"x": np.ones((2, 3), np.float32)}, tmp_path)
    assert capfd.readouterr() == ("", "")
