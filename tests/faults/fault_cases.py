"""Configurations killed and compared: precision, models, selection, averages, tricks, schedules, loader processes."""

from tests.faults.harness import WHOLE

TEXT = ("data=csv_text", "data.path=texts.csv", "model=text_cnn", "model.embedding_dim=12", "model.filters=6")
STREAMED = (
    "plugins=[streamed_plugin]",
    "data._target_=streamed_plugin.load",
    "data.preprocess={_target_:streamed_plugin.Preprocess}",
)
SMALL = ("model.hidden=[48,48]", "batch_size=16")

CASES = {
    "table O0": ("data=wine", "max_epochs=4", *SMALL),
    "table O0, inner, EMA, one cycle": (
        "data=iris",
        "max_epochs=6",
        "cv.select=inner",
        "fit.ema_decay=0.9",
        "scheduler=onecycle",
        *SMALL,
    ),
    "table O0, accumulated, clipped, warm-up": (
        "data=wine",
        "max_epochs=4",
        "fit.accumulate_steps=2",
        "fit.clip_norm=1.0",
        "fit.warmup_steps=5",
        "scheduler=cosine",
        *SMALL[:1],
        "batch_size=8",
    ),
    "table O1 bf16": ("data=wine", "max_epochs=4", "amp=O1", "amp.dtype=bf16", *SMALL),
    "table O1 fp16, EMA": ("data=iris", "max_epochs=4", "amp=O1", "amp.dtype=fp16", "fit.ema_decay=0.8", *SMALL),
    "table O2 bf16, inner": ("data=wine", "max_epochs=4", "amp=O2", "amp.dtype=bf16", "cv.select=inner", *SMALL),
    "table O2 fp16, EMA": ("data=wine", "max_epochs=4", "amp=O2", "amp.dtype=fp16", "fit.ema_decay=0.9", *SMALL),
    "text O0": (*TEXT, "max_epochs=4", "batch_size=8"),
    "text O0, inner, patience": (
        *TEXT,
        "max_epochs=8",
        "batch_size=8",
        "cv.select=inner",
        "cv.inner_fraction=0.25",
        "fit.patience_epochs=3",
    ),
    "text O1 bf16, EMA": (*TEXT, "max_epochs=3", "batch_size=8", "amp=O1", "amp.dtype=bf16", "fit.ema_decay=0.9"),
    "text O2 fp16": (*TEXT, "max_epochs=3", "batch_size=8", "amp=O2", "amp.dtype=fp16"),
    "text O0, FGM, R-Drop, SWA": (
        *TEXT,
        "max_epochs=4",
        "batch_size=8",
        "tricks=[fgm,rdrop,swa]",
        "tricks.swa.start=0.25",
    ),
    "text O1 bf16, FreeLB, Lookahead, noise": (
        *TEXT,
        "max_epochs=3",
        "batch_size=8",
        "amp=O1",
        "amp.dtype=bf16",
        "tricks=[freelb,lookahead,gradient_noise]",
    ),
    "streamed O0": (*STREAMED, "max_epochs=3", "batch_size=8", SMALL[0]),
    "streamed O0, 2 workers": (*STREAMED, "max_epochs=2", "batch_size=16", SMALL[0], "num_workers=2"),
}


def command(case: str) -> tuple[str, ...]:
    """Return the arguments of a case, whose baselines and audit may be killed too."""
    return (*CASES[case], *WHOLE)
