#!/usr/bin/env bash
# rich 15.0.0 in a Jupyter kernel (ipykernel 7.4.0, ipywidgets 8.1.9): lines printed on the console of a running Progress.
# Guess: as on a terminal, every line that `console.print` gets while bars are drawn is shown above them.
# Seen: some lines are shown nowhere (35 of 1,000). Bars are drawn by a thread of rich inside `with output_widget:`, and
# what any other thread prints at that moment goes into the widget, which is cleared at the next drawing.
# With auto_refresh=False (bars drawn by the thread that prints, `progress.refresh()`) all lines are shown.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    rich==15.0.0 ipykernel==7.4.0 ipywidgets==8.1.9 nbclient==0.11.0 nbformat==5.11.1
JUPYTER_PREFER_ENV_PATH=1 IPYTHONDIR="$folder" "$folder/venv/bin/python" -W ignore - <<'PY'
import nbformat
from nbclient import NotebookClient

CELL = """
import time
from rich.console import Console
from rich.progress import Progress

console = Console()
with Progress(console=console, auto_refresh={thread}, refresh_per_second=60) as bars:
    task = bars.add_task("work", total=1000)
    for i in range(1000):
        bars.update(task, completed=i)
        console.print(f"line {{i}}")
        time.sleep(0.002)
"""


def shown(thread: bool) -> int:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL.format(thread=thread))])
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    texts = [output.get("data", {}).get("text/plain", "") for output in notebook.cells[0].outputs]
    return sum(text.startswith("line ") for text in texts)


with_thread, without = shown(True), shown(False)
print(f"1,000 lines printed; shown with rich's own thread: {with_thread}, without: {without}")
assert with_thread < 1000 and without == 1000, "the behaviour has changed"
PY
echo "as described"
