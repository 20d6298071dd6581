"""A search beside what people write by hand: Optuna and skorch under scikit-learn's ``cross_val_score``.

    pip install -e '.[bench,search]'
    python -m benchmarks.search_speed [TRIALS] [ROUNDS]

Both tune the default job, digits and its MLP, over the same three settings with the same sampler (TPE, one seed), on
the same five folds, batch size and epochs. Each is a process of its own, in turns; its seconds and its CPU seconds are
printed, the median of the rounds, and ratios. Foldwise is given twice: every fold of every trial, and with racing,
which ends a trial that is not to win any more.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EPOCHS, BATCH_SIZE, N_SPLITS, SEED = 20, 32, 5, 42
SPACE = (
    "search.space={optimizer.lr: log(1e-4,1e-1), optimizer.weight_decay: log(1e-5,1), model.dropout: uniform(0,0.5)}"
)
SIDES = ("Optuna + skorch", "search.prune=off", "search.prune=racing")


def by_hand(trials: int) -> None:
    """Tune skorch's classifier as its users do."""
    import warnings

    import optuna
    import torch
    from sklearn.datasets import load_digits
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from skorch import NeuralNetClassifier

    digits = load_digits()
    rows, labels = digits.data.astype("float32"), digits.target.astype("int64")
    folds = StratifiedKFold(N_SPLITS, shuffle=True, random_state=SEED)

    def network(dropout: float) -> torch.nn.Module:
        from trainer.models.mlp import MLP

        return _OneInput(MLP(64, 10, hidden=(256, 256), dropout=dropout))

    class _OneInput(torch.nn.Module):
        def __init__(self, model: torch.nn.Module) -> None:
            super().__init__()
            self.model = model

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.model(numeric=X)
            return logits

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
        decay = trial.suggest_float("weight_decay", 1e-5, 1, log=True)
        dropout = trial.suggest_float("dropout", 0, 0.5)
        torch.manual_seed(SEED)
        net = NeuralNetClassifier(
            network(dropout),
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=decay,
            optimizer__fused=True,
            lr=lr,
            max_epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores = cross_val_score(make_pipeline(StandardScaler(), net), rows, labels, cv=folds, scoring="accuracy")
        return float(scores.mean())

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=trials)
    print(json.dumps({"best": study.best_value}))


def searched(side: str, trials: int, place: Path) -> list[str]:
    """Return the command of our side: the default job, as it comes."""
    options = [f"search.trials={trials}", side, f"max_epochs={EPOCHS}", f"batch_size={BATCH_SIZE}", SPACE]
    return ["train.py", "search=tpe", *options, f"paths.runs={place}", "run=s"]


def timed(side: str, trials: int) -> dict[str, float]:
    """Run one side in a process of its own; return its seconds and its CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        hand = ["-m", "benchmarks.search_speed", "by-hand", str(trials)]
        command = hand if side == SIDES[0] else searched(side, trials, Path(folder))
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=os.environ)
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise SystemExit(f"{side}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if side == SIDES[0]:
            best = json.loads(done.stdout.splitlines()[-1])["best"]
        else:
            from trainer.api.search import Searched

            best = Searched(Path(folder) / "s").figures["naive"]["mean"]
        return {"seconds": seconds, "cpu": cpu, "best": best}


def main(trials: int = 20, rounds: int = 3) -> None:
    """Time each side in turns and print a table."""
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side in SIDES:
            found[side].append(timed(side, trials))
            print(side, found[side][-1], file=sys.stderr, flush=True)
    middle = {
        side: {key: statistics.median(one[key] for one in runs) for key in runs[0]} for side, runs in found.items()
    }
    first = middle[SIDES[0]]
    print(f"{trials} trials of digits, {N_SPLITS} folds, {EPOCHS} epochs; medians of {rounds}\n")
    print("| | seconds | ratio | CPU seconds | ratio | best accuracy |\n|---|---|---|---|---|---|")
    for side, one in middle.items():
        ratios = one["seconds"] / first["seconds"], one["cpu"] / first["cpu"]
        cells = f"{one['seconds']:.1f} | {ratios[0]:.2f} | {one['cpu']:.1f} | {ratios[1]:.2f} | {one['best']:.4f}"
        print(f"| {side} | {cells} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["by-hand"]:
        by_hand(int(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:3]))
