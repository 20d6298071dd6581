import sys
from types import ModuleType

import pytest
import torch

from trainer.config.schema import AmpConfig
from trainer.engine.precision.opt_levels import check_level, level_defaults, resolve_opt_level
from trainer.errors import ConfigError

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
HALVES = {"fp16": torch.float16, "bf16": torch.bfloat16}

# NVIDIA/apex 25.04, apex/amp/frontend.py: what each level sets
APEX_TABLE = {
    #      cast_model_type  patch  keep_bn  masters  loss_scale
    "O0": ("float32", False, None, False, 1.0),
    "O1": (None, True, None, None, "dynamic"),
    "O2": ("half", False, True, True, "dynamic"),
    "O3": ("half", False, False, False, 1.0),
}


def on(device=CPU, **options):
    return resolve_opt_level(AmpConfig(**options), device)


@pytest.mark.parametrize("half", HALVES.values())
@pytest.mark.parametrize("opt_level", APEX_TABLE)
def test_defaults_are_apex_table(opt_level, half):
    cast, patch, keep, masters, scale = APEX_TABLE[opt_level]
    cast_type = {"float32": torch.float32, "half": half, None: None}[cast]
    assert tuple(vars(level_defaults(opt_level, half)).values()) == (cast_type, patch, keep, masters, scale)


@pytest.mark.parametrize("opt_level", APEX_TABLE)
def test_without_overrides_the_defaults_are_in_force_on_cuda(opt_level):
    resolved = on(CUDA, opt_level=opt_level)
    assert resolved.in_force == resolved.default == level_defaults(opt_level, torch.float16)
    assert resolved.override == {}
    assert resolved.notes == ()
    assert resolved.backend == "native"


@pytest.mark.parametrize("wrong", ["o1", "01", "O4", "O", "", "1", "o2 "])
def test_an_unknown_level_reminds_of_the_letter(wrong):
    with pytest.raises(ConfigError, match=f"unknown '{wrong.strip()}'.*the letter O"):
        on(opt_level=wrong)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("cast_model_type", ["half", "fp16", "bf16"]),
        ("keep_batchnorm_fp32", [True, False]),
        ("master_weights", [True, False]),
    ],
)
def test_o1_refuses_what_apex_refuses(name, values):
    for value in values:
        with pytest.raises(ConfigError, match=rf"amp\.{name} cannot be set under O1"):
            on(opt_level="O1", **{name: value})


@pytest.mark.parametrize("spelling", ["float32", "fp32"])
def test_o1_takes_float32_weights_as_apex_does(spelling):
    assert on(opt_level="O1", cast_model_type=spelling).in_force.cast_model_type is torch.float32


@pytest.mark.parametrize("opt_level", APEX_TABLE)
@pytest.mark.parametrize(("given", "meant"), [("dynamic", "dynamic"), ("128", 128.0), ("128.0", 128.0), ("1e3", 1e3)])
def test_the_loss_scale_may_be_set_at_every_level(opt_level, given, meant):
    assert on(opt_level=opt_level, dtype="fp16", loss_scale=given).in_force.loss_scale == meant
    assert on(opt_level=opt_level, dtype="bf16", loss_scale=given).in_force.loss_scale == meant


@pytest.mark.parametrize("wrong", ["0", "-1", "nan", "inf", "much", ""])
def test_a_loss_scale_that_is_no_positive_number_is_refused(wrong):
    with pytest.raises(ConfigError, match=rf"amp\.loss_scale: '{wrong}' is neither 'dynamic' nor a positive number"):
        on(loss_scale=wrong)


@pytest.mark.parametrize("opt_level", ["O2", "O3"])
@pytest.mark.parametrize("name", ["keep_batchnorm_fp32", "master_weights"])
@pytest.mark.parametrize("value", [True, False])
def test_half_levels_take_the_other_overrides(opt_level, name, value):
    resolved = on(CUDA, opt_level=opt_level, **{name: value})
    expected = {**vars(level_defaults(opt_level, torch.float16)), name: value}
    assert vars(resolved.in_force) == expected
    assert resolved.override == {name: value}


@pytest.mark.parametrize("options", [{"opt_level": "O0"}, {"opt_level": "O2", "cast_model_type": "float32"}])
def test_overrides_of_a_half_model_are_refused_where_there_is_none(options):
    """apex takes them and they do nothing."""
    for name, value in (("keep_batchnorm_fp32", True), ("keep_batchnorm_fp32", False), ("master_weights", True)):
        with pytest.raises(ConfigError, match=rf"amp\.{name} needs a half model"):
            on(**options, **{name: value})
    assert on(**options, master_weights=False).in_force.master_weights is False


def test_o0_with_half_weights_is_a_half_model():
    resolved = on(CUDA, opt_level="O0", cast_model_type="half", keep_batchnorm_fp32=True, master_weights=True)
    assert resolved.in_force.cast_model_type is torch.float16
    assert resolved.in_force.loss_scale == 1.0


@pytest.mark.parametrize(
    ("device", "options", "half"),
    [
        (CUDA, {}, torch.float16),
        (CPU, {}, torch.bfloat16),
        (CUDA, {"dtype": "bf16"}, torch.bfloat16),
        (CPU, {"dtype": "fp16"}, torch.float16),
        (CPU, {"cast_model_type": "fp16"}, torch.float16),
        (CUDA, {"cast_model_type": "bf16"}, torch.bfloat16),
        (CPU, {"cast_model_type": "half", "dtype": "fp16"}, torch.float16),
    ],
)
def test_the_half_type(device, options, half):
    resolved = on(device, opt_level="O2", **options)
    assert resolved.dtype is resolved.in_force.cast_model_type is half
    assert resolved.in_force.loss_scale == ("dynamic" if half is torch.float16 else 1.0)
    chosen_for_the_user = device is CPU and not options
    assert any("bfloat16 on CPU" in note for note in resolved.notes) == chosen_for_the_user
    assert any("the loss is not scaled" in note for note in resolved.notes) == (half is torch.bfloat16)


def test_o0_on_cpu_says_nothing_about_half_types():
    assert on(opt_level="O0").notes == ()
    assert on(opt_level="O2", cast_model_type="float32", loss_scale="1").notes == ()
    assert on(opt_level="O1").notes != ()


def test_two_names_for_two_half_types_are_refused():
    with pytest.raises(ConfigError, match=r"amp\.cast_model_type=fp16 contradicts amp\.dtype=bf16"):
        on(opt_level="O2", cast_model_type="fp16", dtype="bf16")


def test_all_problems_come_at_once():
    amp = AmpConfig("O9", backend="cuda", dtype="half", cast_model_type="int8", loss_scale="big")
    problems = check_level(amp)
    assert [problem.partition(":")[0] for problem in problems] == [
        "amp.opt_level",
        "amp.backend",
        "amp.dtype",
        "amp.cast_model_type",
        "amp.loss_scale",
    ]
    with pytest.raises(ConfigError) as caught:
        resolve_opt_level(amp, CPU)
    assert len(str(caught.value).splitlines()) == 5


def test_the_printed_table():
    rows = on(CUDA, opt_level="O2", keep_batchnorm_fp32=False, loss_scale="64").rows()
    assert rows == [
        ("cast_model_type", "float16", "-", "float16"),
        ("autocast", "no", "-", "no"),
        ("keep_batchnorm_fp32", "yes", "no", "no"),
        ("master_weights", "yes", "-", "yes"),
        ("loss_scale", "dynamic", "64.0", "64.0"),
    ]


def unrelated():
    """The PyPI package ``apex``: importable, without amp."""
    return {"apex": ModuleType("apex")}


def amp_without_initialize():
    package = ModuleType("apex")
    package.__path__ = []
    return {"apex": package, "apex.amp": ModuleType("apex.amp")}


@pytest.mark.parametrize("modules", [dict, unrelated, amp_without_initialize])
def test_apex_that_is_not_apex_is_refused_with_the_name_trap(monkeypatch, modules):
    for name in ("apex", "apex.amp"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name, module in modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    with pytest.raises(ConfigError) as caught:
        on(CUDA, opt_level="O1", backend="apex")
    message = str(caught.value)
    assert "PyPI package 'apex' is an unrelated web toolkit" in message
    assert "25.04" in message
    assert "amp.backend=native" in message
    assert len(message.splitlines()) <= 5


def test_apex_needs_cuda_and_float16_and_all_that_is_wrong_fits_in_five_lines():
    with pytest.raises(ConfigError) as caught:
        on(CPU, opt_level="O2", backend="apex", dtype="bf16")
    lines = str(caught.value).splitlines()
    assert len(lines) == 5
    assert "unrelated web toolkit" in lines[3]
    with pytest.raises(ConfigError, match=r"amp\.backend=apex needs a CUDA device, and this run is on cpu"):
        on(CPU, opt_level="O1", backend="apex")
    for options in ({"dtype": "bf16"}, {"cast_model_type": "bf16"}):
        with pytest.raises(ConfigError, match=r"amp\.backend=apex knows float16 only"):
            on(CUDA, opt_level="O2", backend="apex", **options)


@pytest.mark.parametrize("backend", ["auto", "native"])
def test_auto_is_native_even_where_apex_is(monkeypatch, backend):
    package, amp = ModuleType("apex"), ModuleType("apex.amp")
    amp.initialize = lambda: None
    monkeypatch.setitem(sys.modules, "apex", package)
    monkeypatch.setitem(sys.modules, "apex.amp", amp)
    assert on(CUDA, opt_level="O2", backend=backend).backend == "native"
    assert on(CUDA, opt_level="O2", backend="apex").backend == "apex"
