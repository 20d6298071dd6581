"""A real torchrun around two processes: its exit code is the one that matters, and a killed process ends the others."""

import importlib
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.places import REPOSITORY
from trainer.executors import torchrun_agent
from trainer.executors.torchrun_agent import meeting, told

FALLS = """
import os, signal, sys, time
from pathlib import Path
rank = int(os.environ["RANK"])
Path(sys.argv[1], str(rank)).touch()
while not Path(sys.argv[1], str(1 - rank)).exists():
    time.sleep(0.01)
if rank == 1:
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(100)  # for the other, which does not come
"""


@pytest.mark.battery  # the codes it ends with are below
def test_a_killed_process_ends_the_others_with_a_line(tmp_path):
    work = [sys.executable, "-c", FALLS, str(tmp_path)]
    command = [sys.executable, "-m", "trainer.executors.torchrun_agent", "2", "1", *work]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    began = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 128 + signal.SIGKILL, done.stderr
    said = "unexpected error: process 1 of 2 was killed by SIGKILL (out of memory?): the others were ended"
    assert done.stderr.splitlines()[-1] == said
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ({0: 3}, 3),
        ({0: 1, 1: 5}, 5),  # the other has ended because this one did
        ({0: -15, 1: 2}, 2),
        ({0: 75, 1: 2}, 2),  # 75: another process is gone
        ({0: 75, 1: -15}, 75),
        ({0: -15}, 143),
        ({0: 1, 1: -9}, 137),
        ({1: -11}, 139),
    ],
)
def test_the_code_is_that_of_what_failed_first(codes, code):
    assert told(codes, 2) == code


def test_a_meeting_that_fails_is_no_fault_of_this_machine(monkeypatch, capsys):
    """The machine that the others meet on was the first to end."""
    api, rendezvous = pytest.importorskip("torch.distributed.launcher.api"), "torch.distributed.elastic.rendezvous.api"
    gone = importlib.import_module(rendezvous).RendezvousConnectionError

    def launch(*_):
        raise gone("The connection to the C10d store has failed.")

    monkeypatch.setattr(api, "elastic_launch", lambda *_: launch)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGINT)}
    try:
        assert torchrun_agent.main(["2", "1", "true"]) == 75
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert capsys.readouterr().err.startswith("stopped: the torchrun of another machine is gone (The connection")


def test_several_machines_meet_on_the_first_of_the_slurm_job(tmp_path, monkeypatch):
    said = "[ $2 = hostnames ] && { echo node7; echo node8; } || echo NodeName=$3 NodeAddr=10.0.0.$3 Port=6818"
    (tmp_path / "scontrol").write_text(f"#!/bin/sh\n{said}\n")
    (tmp_path / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    job = {"SLURM_JOB_ID": "1741", "SLURM_JOB_NODELIST": "node[7-8]", "SLURM_PROCID": "1"}
    second = meeting(2, job)
    assert second["rdzv_endpoint"] == "10.0.0.node7:30241"
    assert second["rdzv_configs"] == {"is_host": False}
    again = meeting(2, {**job, "SLURM_PROCID": "0", "SLURM_RESTART_COUNT": "1"})
    assert again["rdzv_configs"] == {"is_host": True}
    assert again["run_id"] != second["run_id"]  # a job that is requeued meets anew
    assert meeting(1, {})["rdzv_endpoint"] == "localhost:0"
