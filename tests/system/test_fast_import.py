import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tests import transformer_files
from tests.battery import some_of
from tests.picture_files import write_pictures
from tests.places import REPOSITORY


def in_a_process(code):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


FIRST_USE = {  # whole runs that compile: tests/engine/precision/test_compiled.py
    "import": "import torch._dynamo.config",
    "compile": 'assert torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item() == 2.0',
}


@pytest.mark.parametrize("first", some_of(FIRST_USE, ["import"]))
def test_a_whole_run_needs_no_compiler_and_what_follows_is_the_same_with_it(tmp_path, first):
    """A step of an optimizer, a dispatch mode, a decorator; then the same once the compiler is used.

    All in one process: to import everything takes seconds.
    """
    code = f"""
import inspect, sys
import train as script
from trainer.config.compose import composed
sys.argv = ["train.py", "data=iris", "max_epochs=1", "cv.n_splits=2", "paths.runs={tmp_path}", "runtime.progress=off"]
assert "torch" not in sys.modules
composed(script.main, script.check)
import trainer.models.transformer
print([name in sys.modules for name in ("torch", "torch._dynamo.config", "transformers", "pandas")])
import torch
from trainer.system.fast_import import import_compiler_when_needed
from torch.utils.flop_counter import FlopCounterMode
def weights():
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    for _ in range(3):
        optimizer.zero_grad()
        with FlopCounterMode(display=False) as counted:
            model(torch.ones(4, 3)).square().sum().backward()
        optimizer.step()
        schedule.step()
    return model.weight.detach(), counted.get_total_flops()
def taken(function):
    return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]
import_compiler_when_needed()
import_compiler_when_needed()
without, flops = weights()
print("torch._dynamo.config" in sys.modules, flops)
assert not hasattr(torch._dynamo, "__nothing__")
inspect.getmodule(sys._getframe())
stand_in = {{name: getattr(torch._dynamo, name) for name in ("disable", "graph_break")}}
@torch.compiler.disable(recursive=False, reason="a reason")
def double(x):
    return 2 * x
print(double(2), double.__module__, "torch._dynamo.config" in sys.modules)
{FIRST_USE[first]}
print(torch._dynamo.config.recompile_limit > 0, hasattr(torch._dynamo, "nothing"), torch._dynamo.disable.__module__)
print([taken(function) == taken(getattr(torch._dynamo, name)) for name, function in stand_in.items()])
print("torch._dynamo.config" in sys.modules, torch.equal(weights()[0], without), torch._dynamo.is_compiling())
"""
    assert in_a_process(code)[-6:] == [
        "[True, False, False, False]",
        "False 96",
        "4 __main__ False",
        "True False torch._dynamo.decorators",
        "[True, True]",
        "True True False",
    ]


def test_what_is_imported_first_is_never_looked_through_for_garbage_and_later_imports_change_nothing():
    code = """
import gc
from trainer.system.fast_import import first_import
with first_import("fractions"):
    import fractions
    print(gc.isenabled())
frozen = gc.get_freeze_count()
with first_import("fractions"):
    print(gc.isenabled())
print(gc.isenabled(), frozen > 1000, gc.get_freeze_count() <= frozen)
"""
    assert in_a_process(code) == ["False", "True", "True True True"]


def test_a_process_of_somebody_elses_imports_unsearched_and_is_left_as_it_was():
    code = """
import gc, weakref
from trainer.system.fast_import import unsearched_import
class Node:
    pass
def cycle():
    node = Node()
    node.itself = node
    return node
thresholds = gc.get_threshold()
young, held = weakref.ref(cycle()), cycle()
with unsearched_import("fractions"):
    import fractions
    print(gc.isenabled(), young() is None)
print(gc.isenabled(), gc.get_threshold() == thresholds, gc.get_freeze_count())
held = weakref.ref(held)
print(held() is not None, gc.collect() > 0, held() is None)
gc.freeze()
frozen = gc.get_freeze_count()
with unsearched_import("decimal"):
    import decimal
print(frozen // 2 < gc.get_freeze_count() <= frozen)
gc.disable()
with unsearched_import("statistics"):
    pass
print(gc.isenabled())
"""
    assert in_a_process(code) == ["False True", "True True 0", "True True True", "True", "False"]


def test_a_run_of_a_program_imports_no_compiler_either_and_freezes_nothing_of_the_program(tmp_path):
    code = f"""
import gc, sys
import trainer as fw
quick = {{"cv": {{"n_splits": 2}}, "profile": "off", "audit": "off", "runtime": {{"progress": "off"}}}}
fw.cross_validate("iris", max_epochs=1, paths={{"runs": "{tmp_path}"}}, **quick)
print("torch" in sys.modules, "torch._dynamo.config" in sys.modules, gc.get_freeze_count(), gc.isenabled())
"""
    assert in_a_process(code) == ["True False 0 True"]


def reviews_and_bert(folder):
    model = transformer_files.save_model(folder / "bert")
    table = transformer_files.write_reviews(folder / "reviews.csv")
    return ["data=csv_text", f"data.path={table}", "model=transformer", f"model.pretrained={model}"]


def pictures(folder):
    path = write_pictures(folder / "pictures", n_per_class=6)
    return ["data=image_folder", f"data.path={path}", "data.preprocess.size=32"]


@pytest.mark.battery
@pytest.mark.parametrize(
    ("data", "options"),
    [
        (reviews_and_bert, ["run=a", "loss=focal", "amp=O1"]),
        (
            pictures,
            ["-m", "model=torchvision,timm", "model.name=resnet18", "optimizer.lr=1e-3", "profile=off", "cv.fold=0"],
        ),
    ],
    ids=["transformers", "torchvision and timm"],
)
def test_models_of_other_libraries_train_in_a_process_that_has_imported_nothing(tmp_path, data, options):
    """The tests' own process has the compiler from the first test that compiles on."""
    short = ["cv.n_splits=2", "max_epochs=1", "batch_size=4", "baseline=off", "tracker=none"]  # those are seen above
    options = [*data(tmp_path), *short, f"paths.runs={tmp_path}", *options]
    result = subprocess.run(
        [sys.executable, "train.py", *options, "runtime.progress=plain"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=200,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert list(tmp_path.rglob("DONE"))


def test_the_compilers_settings_are_its_own_where_they_are_imported_before_it():
    code = """
import torch
from trainer.system.fast_import import import_compiler_when_needed
import_compiler_when_needed()
import torch._dynamo.config as config
from torch._dynamo import eval_frame
print(config is torch._dynamo.config is eval_frame.config, config.__spec__.origin == config.__file__)
"""
    assert in_a_process(code) == ["True True"]


def test_a_table_of_numbers_is_read_without_pandas(tmp_path):
    numbers = pa.array([0.5, 1.5, 2.5, 3.5])
    for name, labels in (("numbers", [0, 1, 0, 1]), ("words", ["x", "y", "y", "x"])):
        pq.write_table(pa.table({"a": numbers, "b": numbers, "label": labels}), tmp_path / f"{name}.parquet")
    code = f"""
import sys
from pathlib import Path
from trainer.data.columns.options import ColumnOptions
from trainer.data.sources.csv_tabular import load_csv_tabular
for name in ("numbers", "words"):
    samples, spec = load_csv_tabular(Path({str(tmp_path)!r}, name + ".parquet"), ColumnOptions(label="label"))
    print(samples.target.tolist(), *spec.classes, "pandas" in sys.modules)
"""
    assert in_a_process(code) == ["[0, 1, 0, 1] 0 1 False", "[0, 1, 1, 0] x y False"]


def test_operations_are_counted_without_triton_and_without_a_warning():
    code = """
import sys, torch
from trainer.system import fast_import
with fast_import.first_import("fractions"):
    import fractions
fast_import.import_compiler_when_needed()
fast_import.import_flop_counter_without_triton()
from torch.utils.flop_counter import FlopCounterMode
with FlopCounterMode(display=False) as counted:
    torch.ones(4, 3) @ torch.ones(3, 2)
print(counted.get_total_flops(), "triton" in sys.modules)
"""
    if torch.cuda.is_available():
        pytest.skip("on CUDA kernels of Triton are told")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, timeout=120)
    assert (done.stdout, done.stderr) == ("48 False\n", "")


def test_what_a_search_has_left_is_read_without_torch():
    code = "import sys, trainer.api.search; print(sorted({'torch', 'optuna', 'rich'} & set(sys.modules)))"
    assert in_a_process(code) == ["[]"]


@pytest.mark.parametrize("trains", [True, False], ids=["nothing but training", "no distutils anywhere"])
def test_thop_comes_without_distutils(trains):
    code = f"""
import sys, torch
from trainer.system import fast_import
if {trains}:
    with fast_import.first_import("fractions"):
        import fractions
else:
    fast_import.find_spec = lambda name: None  # as on Python 3.12 without setuptools
from trainer.profiler.counts import count_thop
macs, params, _ = count_thop(torch.nn.Linear(3, 2), {{"input": torch.ones(4, 3)}})
print(macs, params, *[name in sys.modules for name in ("distutils", "setuptools", "thop")])
import distutils.version
print(distutils.version.LooseVersion("1.10") > distutils.version.LooseVersion("1.9"))
"""
    assert in_a_process(code) == ["24 8 False False True", "True"]


def test_what_code_of_ones_own_may_ask_for_is_there_in_a_run():
    """Without parts of torch a generator cannot be made, and Arrow that found no pandas reads NaN of it as a number."""
    code = """
from trainer.system import fast_import
with fast_import.first_import("trainer.search.sweep"):
    from trainer.search.sweep import run
import pandas as pd, pyarrow as pa, torch
print(torch.rand(2, generator=torch.Generator().manual_seed(3)).shape[0])
print(tuple(torch.nn.Conv2d(3, 4, 3, device="meta")(torch.ones(2, 3, 8, 8, device="meta")).shape))
print(pa.array(pd.Series([1.5, None])).null_count, pa.table({"word": pd.Series(["a", None])})["word"].null_count)
"""
    assert in_a_process(code) == ["2", "(2, 4, 6, 6)", "1 1"]
