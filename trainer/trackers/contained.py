"""A tracker that raises does not lose the run: it is left out from then on, and a note says so."""

from collections.abc import Callable
from typing import Any

from trainer.engine.observer import Forwarding, Observer
from trainer.errors import FoldwiseError, as_foldwise_error

METHODS = ("fold_started", "step", "epoch", "fold_finished", "finished")  # of trainer.engine.observer.Observer


class Contained(Forwarding):
    """Tells a tracker until it raises.

    Args:
        tracker: of the user's, or ours.
        name: of its section.
        print_line: prints one line.
    """

    def __init__(self, tracker: Observer, name: str, print_line: Callable[[str], None]) -> None:
        self._tracker: Observer | None = tracker
        self._name, self._print_line = name, print_line

    def pass_on(self, method: str, *facts: Any) -> None:
        """Call a method; a full disk and what else Foldwise itself answers ends the run as anywhere."""
        if self._tracker is None:
            return
        try:
            getattr(self._tracker, method)(*facts)
        except FoldwiseError:
            raise
        except Exception as error:  # a tracker of the user's may raise anything
            self._tracker = None
            said = str(as_foldwise_error(error)).splitlines()[0]
            self._print_line(f"warning: tracker.{self._name} is told no more, it raised {said}")
