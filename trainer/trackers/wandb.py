"""Weights & Biases: the folds of a run are a group, each fold a run of it; offline where nobody has logged in."""

import netrc
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from trainer.report.terminal import PrintLine
from trainer.trackers.courier import Told
from trainer.trackers.sender import Message, defined, result_files, settings

NAME, WHOLE = "wandb", "all folds"
START_SECONDS = 20  # for a server to answer


class WandbTracker(Told):
    """Tell Weights & Biases, from a process of its own.

    Args:
        directory: of the run.
        print_line: prints one line.
        project: the runs are entered in.
        entity: user or team; None = the one that is logged in.
        mode: online or offline; None = WANDB_MODE, or online where somebody has logged in.
        flush_seconds: that the end of the run waits at most for what is not sent yet.
    """

    needs: ClassVar[str] = NAME
    sink: ClassVar[str] = f"{__name__}:WandbSink"

    def __init__(
        self,
        directory: Path,
        print_line: PrintLine,
        project: str = "foldwise",
        entity: str | None = None,
        mode: str | None = None,
        flush_seconds: float = 2.0,
    ) -> None:
        mode = mode or os.environ.get("WANDB_MODE") or default_mode()
        super().__init__(directory, print_line, flush_seconds, project=project, entity=entity, mode=mode)


def default_mode() -> str:
    """Return online where there is a key, in the environment or where ``wandb login`` keeps it, else offline."""
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    with suppress(OSError, netrc.NetrcParseError):
        if netrc.netrc(os.environ.get("NETRC")).authenticators(host):
            return "online"
    return "online" if os.environ.get("WANDB_API_KEY") else "offline"


class WandbSink:
    """Sends with wandb; ``ids`` has the ids of the runs: one per fold, and one of the whole."""

    def __init__(self, directory: Path, ids: dict[str, Any], project: str, entity: str | None, mode: str) -> None:
        os.environ["WANDB_SILENT"] = "true"
        self.directory, self.ids = directory, ids
        self.place: dict[str, Any] = {"project": project, "entity": entity, "mode": mode, "group": directory.name}
        self.open: dict[str, Any] = {}

    def send(self, messages: list[Message]) -> None:
        """Send what folds and run are told."""
        for message in messages:
            kind, values = message["kind"], defined(message.get("values", {}))
            name = WHOLE if kind == "finished" else f"fold {message['fold']}"
            run = self._run(name)
            if kind == "values":
                run.log(values, step=message["step"])
                continue
            run.summary.update(values)
            if kind == "finished":
                self._keep_files(run)
            if kind != "fold_started":
                self._end(name, code=0)

    def close(self) -> None:
        """Mark what has not finished: it was stopped, and may be gone on with."""
        for name in list(self.open):
            self._end(name, code=1)

    def _run(self, name: str) -> Any:
        if name not in self.open:
            import wandb

            known = self.ids.setdefault("runs", {})
            known.setdefault(name, secrets.token_hex(4))
            self.open[name] = wandb.init(
                **self.place,
                id=known[name],
                resume="allow",
                name=f"{self.directory.name} {name}",
                job_type="cross validation" if name == WHOLE else "fold",
                config=settings(self.directory),
                reinit="create_new",
                settings=wandb.Settings(
                    console="off",
                    silent=True,
                    disable_git=True,
                    disable_code=True,
                    save_code=False,
                    x_disable_stats=True,
                    x_disable_machine_info=True,
                    init_timeout=START_SECONDS,
                ),
            )
        return self.open[name]

    def _keep_files(self, run: Any) -> None:
        import wandb

        files = wandb.Artifact(f"run-{run.id}", type="cross-validation")
        for path in result_files(self.directory):
            files.add_file(str(path))
        run.log_artifact(files)

    def _end(self, name: str, code: int) -> None:
        run = self.open.pop(name, None)
        if run is not None:
            run.finish(exit_code=code)
