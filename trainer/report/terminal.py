"""The terminal that everything is printed on."""

from collections.abc import Callable, Iterable, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from trainer.wording.printable import let_print_anything, printable
from trainer.wording.streams import print_nowhere

PrintLine = Callable[[str], None]


class Terminal(Console):
    """A console that may go away: what is printed then is lost, and what is trained is not.

    Names come from other people's files: control characters in them are written out, never obeyed.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the parts of what is printed; those that are rich's own control sequences as they are."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))

    def on_broken_pipe(self) -> None:
        """Print nothing any more, where whoever read the output (head, less) has gone."""
        self.quiet = True
        print_nowhere()


def terminal(*, quiet: bool = False) -> Console:
    """Return a console that prints names as they are: ``[id]`` or ``:cat:`` in them is no markup.

    Args:
        quiet: print nothing.
    """
    let_print_anything()
    return Terminal(quiet=quiet, markup=False, emoji=False)


def make_console(progress: str) -> Console:
    """Return the console everything is printed on (``runtime.progress=off`` is silent)."""
    return terminal(quiet=progress == "off")


def show_notes(notes: Sequence[str], console: Console) -> None:
    """Print notes, one line each."""
    print_line = line_printer(console)
    for note in notes:
        print_line(f"note: {note}")


def line_printer(console: Console) -> PrintLine:
    """Return what prints one line as it is."""
    return lambda line: console.print(line, highlight=False, soft_wrap=True)
