"""ClearML: a task for a run, each metric a plot with a line for each fold; offline where there are no credentials."""

import os
from pathlib import Path
from typing import Any, ClassVar

from trainer.report.terminal import PrintLine
from trainer.trackers.courier import Told
from trainer.trackers.sender import Message, defined, result_files, settings

NAME = "clearml"
SESSIONS = "clearml"  # folder of what was told offline, where the command is typed
PATCHED = ("pytorch", "tensorflow", "tensorboard", "matplotlib", "joblib", "scikit", "hydra", "transformers", "fire")


class ClearmlTracker(Told):
    """Tell ClearML, from a process of its own.

    Args:
        directory: of the run.
        print_line: prints one line.
        project: the task is entered in.
        mode: online or offline; None = online where there are credentials.
        flush_seconds: that the end of the run waits at most for what is not sent yet.
    """

    needs: ClassVar[str] = NAME
    sink: ClassVar[str] = f"{__name__}:ClearmlSink"

    def __init__(
        self,
        directory: Path,
        print_line: PrintLine,
        project: str = "foldwise",
        mode: str | None = None,
        flush_seconds: float = 2.0,
    ) -> None:
        super().__init__(directory, print_line, flush_seconds, project=project, mode=mode or default_mode())


def default_mode() -> str:
    """Return online where there are credentials, in the environment or where ``clearml-init`` keeps them."""
    if os.environ.get("CLEARML_OFFLINE_MODE", "0").lower() in ("1", "true", "yes"):
        return "offline"
    kept = Path(os.environ.get("CLEARML_CONFIG_FILE") or "~/clearml.conf").expanduser()
    return "online" if os.environ.get("CLEARML_API_ACCESS_KEY") or kept.is_file() else "offline"


class ClearmlSink:
    """Sends with clearml; ``ids`` has the id of the task."""

    def __init__(self, directory: Path, ids: dict[str, Any], project: str, mode: str) -> None:
        self.directory, self.ids, self.done = directory, ids, False
        if mode == "offline":
            os.environ.setdefault("CLEARML_CACHE_DIR", str(Path(SESSIONS).absolute()))
        from clearml import Task

        Task.set_offline(mode == "offline")
        known = ids.get("task")
        self.task: Any = Task.init(
            project_name=project,
            task_name=directory.name,
            continue_last_task=False if known is None else 0,  # 0: steps are counted from the beginning
            reuse_last_task_id=known or False,
            output_uri=False,
            auto_connect_arg_parser=False,
            auto_connect_frameworks={"detect_repository": False} | dict.fromkeys(PATCHED, False),
            auto_connect_streams=False,
            auto_resource_monitoring=False,
        )
        ids["task"] = self.task.id
        if known is None:
            self.task.connect(settings(directory), name="configuration")

    def send(self, messages: list[Message]) -> None:
        """Send what folds and run are told."""
        logger = self.task.get_logger()
        for message in messages:
            values = defined(message.get("values", {}))
            if message["kind"] != "finished":
                for name, value in values.items():
                    logger.report_scalar(name, f"fold {message['fold']}", value, message["step"])
                continue
            for name, value in values.items():
                logger.report_single_value(name, value)
            for path in result_files(self.directory):
                self.task.upload_artifact(path.name, str(path), wait_on_upload=True)
            self.done = True

    def close(self) -> None:
        """Send the rest; what has not finished was stopped, and may be gone on with."""
        self.task.flush(wait_for_uploads=True)
        if not self.done:
            self.task.mark_stopped(force=True)
        self.task.close()
