"""The profile at start as tables for the terminal, at most 80 characters wide."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainer.report.formatting import duration
from trainer.report.rich_tables import headed_table
from trainer.report.terminal import terminal
from trainer.system.waiting import waits_awake
from trainer.wording.lists import first_few

Line = tuple[str, str, str]
UNEVEN = 3  # times the median
SHARED = 0.7  # of the cores that the threads of a step would keep busy: with less, others have them


def show(profile: Mapping[str, Any], costs: Mapping[str, Any] | None = None, console: Console | None = None) -> None:
    """Print what the model costs, what the whole cross validation will take, and the largest modules.

    Args:
        profile: ``ModelProfile.to_dict()``, or the same read back from profile.json.
        costs: as ``trainer.run.steps.profile`` returns it; may be empty.
        console: where to print.
    """
    console = console or terminal()
    console.print(cost_table(profile, costs or {}))
    if profile["modules"]:
        console.print(modules_table(profile))
    for problem in profile["problems"]:
        console.print(Text(f"not measured: {problem}", style="yellow"))


def cost_table(profile: Mapping[str, Any], costs: Mapping[str, Any]) -> Table:
    """Return parameters and operations by both counters, memory, time, and the cost estimate."""
    table = headed_table(f"Profile of a batch of {profile['batch_rows']} rows")
    table.show_header = False
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for block in (
        _parameters(profile),
        _operations(profile),
        _memory(profile),
        _time(profile),
        _cost_estimate(costs),
    ):
        for what, value, note in block:
            table.add_row(Text(what), Text(value), Text(note, style="dim"))
    return table


def modules_table(profile: Mapping[str, Any]) -> Table:
    """Return the modules with the largest share of FLOPs or parameters, each without its sub-modules."""
    table = headed_table("Largest modules")
    table.add_column("module", overflow="fold")
    table.add_column("type", overflow="fold")
    for heading in ("params", "FLOPs", "thop MACs"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in profile["modules"]:
        counts = (quantity(row[key]) for key in ("params", "flops", "thop_macs"))
        table.add_row(Text(row["name"] or "(model)"), Text(row["type"]), *counts)
    return table


def quantity(value: float | None) -> str:
    """Return a count in short: 512, 19.21k, 25.557M, 10.801G."""
    if value is None:
        return "–"
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if value >= size:
            return f"{value / size:.3f}{unit}"
    return f"{value / 1e3:.2f}k" if value >= 1e4 else str(int(value))


def memory(n_bytes: float | None) -> str:
    """Return a size in short: 512 B, 75.0 KiB, 1.2 GiB."""
    if n_bytes is None:
        return "–"
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{int(n_bytes)} B"


def _parameters(profile: Mapping[str, Any]) -> Iterator[Line]:
    note = f"{quantity(profile['params_trainable'])} trainable"
    if profile["params_embedding"]:
        note += f", {quantity(profile['params_embedding'])} in embeddings"
    yield "parameters", quantity(profile["params"]), note
    left_out = [one for one in profile["missed"] if one["params"]]
    note = "not counted: " + _listed(left_out, "params") if left_out else ""
    yield "parameters by thop", quantity(profile["thop_params"]), note


def _operations(profile: Mapping[str, Any]) -> Iterator[Line]:
    flops = profile["flops"]
    note = "" if flops is None else f"{quantity(flops / 2)} MACs in matrix products and convolutions"
    yield "FLOPs, forward", quantity(flops), note
    left_out = [one for one in profile["missed"] if one["flops"]]
    notes = []
    if left_out:
        notes.append("no MACs for the FLOPs of " + _listed(left_out, "flops"))
    padded = profile.get("padded", ())
    if padded:
        macs = sum(one["macs"] for one in padded)
        right = profile["thop_macs"] - macs
        notes.append(
            f"packed texts counted as if each had the longest's length: {quantity(macs)} too many in "
            f"{_listed(padded, 'macs')}, {profile['thop_macs'] / right:.1f} times what is computed ({quantity(right)})"
        )
    if profile["thop_batchnorm_macs"]:
        older = profile["thop_macs"] - profile["thop_batchnorm_macs"] // 2
        notes.append(f"BatchNorm at 4 per element; thop 0.0.31 took 2: {quantity(older)}")
    yield "MACs by thop, forward", quantity(profile["thop_macs"]), "; ".join(notes)


def _memory(profile: Mapping[str, Any]) -> Iterator[Line]:
    if profile["peak_bytes"] is None:
        return
    parts = {"parameters": "param_bytes", "gradients": "grad_bytes", "optimizer": "optimizer_bytes"}
    parts |= {"activations": "activation_bytes"}
    note = ", ".join(f"{name} {memory(profile[key])}" for name, key in parts.items())
    how = "measured" if profile["peak_measured"] else "estimated"
    yield f"peak memory, {how}", memory(profile["peak_bytes"]), note


def _time(profile: Mapping[str, Any]) -> Iterator[Line]:
    if profile["train_step_seconds"] is not None:
        yield "training step", _short(profile["train_step_seconds"]), _uneven(profile)
    if profile["eval_batch_seconds"] is not None:
        yield "evaluation batch", _short(profile["eval_batch_seconds"]), ""


def _uneven(profile: Mapping[str, Any]) -> str:
    """Return what to do where some steps take far longer than others for want of a core, or nothing."""
    slow, threads, awake = profile.get("train_step_slow_seconds"), profile.get("threads", 1), waits_awake()
    if slow is None or slow < UNEVEN * profile["train_step_seconds"]:
        return ""
    if profile["train_step_cores"] > SHARED * (threads if awake else 1):
        return ""  # not for want of a core: rows of many lengths
    told = f"one in ten took {_short(slow)} or more: other work keeps the cores busy"
    if threads == 1:
        return told
    helps = "OMP_WAIT_POLICY=passive before the command, or " if awake else ""
    return f"{told}; {helps}runtime.threads=1 instead of {threads} lets steps wait less"


def _cost_estimate(costs: Mapping[str, Any]) -> Iterator[Line]:
    if not costs or costs["seconds"] is None:
        return
    batches = f"{costs['train_steps']} training steps, {costs['eval_batches']} evaluation batches"
    note = f"{costs['folds']} folds, {batches}"
    if costs["parallel_folds"] > 1:
        note += f", {costs['parallel_folds']} folds at a time need {memory(costs['peak_bytes'])}"
    yield "whole cross validation", f"~ {duration(costs['seconds'])}", note


def _listed(missed: list[Mapping[str, Any]], key: str, shown: int = 3) -> str:
    return first_few([f"{one['modules']} {one['type']} ({quantity(one[key])})" for one in missed], shown)


def _short(seconds: float) -> str:
    return f"{1000 * seconds:.2f} ms" if seconds < 0.995 else duration(seconds)
