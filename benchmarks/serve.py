"""How quickly ``foldwise serve`` answers: one row at a time, and many in one request, over a kept connection.

    python -m benchmarks.serve

A table of 20 numbers (MLP 256, 256) and texts of 5 to 119 words (TextCNN), five folds each; one thread of torch.
"""

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.predict import REPOSITORY, train, write_numbers, write_texts

ONE_ROW, MANY_ROWS, ROWS = 300, 10, 1000


def rows_of(file: Path) -> list[dict[str, str | float]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return [{name: cell_of(cell) for name, cell in row.items() if name != "label"} for row in csv.DictReader(lines)]


def cell_of(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def seconds_of(connection: HTTPConnection, rows: object, times: int) -> list[float]:
    body, taken = json.dumps(rows), []
    for _ in range(times):
        began = time.perf_counter()
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        taken.append(time.perf_counter() - began)
        assert answer.status == 200, content
    return taken


def processor_seconds(process: int) -> float:
    """What a machine that others use too does not disturb."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(run: Path, rows: list[dict[str, str | float]], name: str) -> None:
    command = [sys.executable, "-m", "trainer", "serve", str(run), "--port", "0", "--threads", "1"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            line = next(line for line in server.stdout if " on http" in line)
            started = time.perf_counter() - began
            connection = HTTPConnection(urlsplit(line.split(" on ")[1].split()[0]).netloc)
            first = seconds_of(connection, rows[0], 1)[0]
            used = [processor_seconds(server.pid)]
            one = sorted(seconds_of(connection, rows[0], ONE_ROW))
            used.append(processor_seconds(server.pid))
            many = seconds_of(connection, rows[:ROWS], MANY_ROWS)
            used.append(processor_seconds(server.pid))
        finally:
            server.terminate()
    of_one, of_many = (used[1] - used[0]) / ONE_ROW, (used[2] - used[1]) / MANY_ROWS
    print(f"{name}: processor time {1000 * of_one:.1f} ms a row, {ROWS / of_many:,.0f} rows/s", flush=True)
    middle, late, least = statistics.median(one), one[int(0.95 * ONE_ROW)], min(many)
    print(f"{name}: start {started:.1f} s, first row {1000 * first:.1f} ms", flush=True)
    print(f"{name}: one row {1000 * middle:.1f} ms (median), {1000 * late:.1f} ms (95 %)", flush=True)
    print(f"{name}: {ROWS / statistics.median(many):,.0f} rows/s (median), {ROWS / least:,.0f} (best)", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table, texts = write_numbers(folder / "table.csv", 5000), write_texts(folder / "texts.csv", ROWS)
        run = train(folder, "table", "data=csv_tabular", f"data.path={table}", "cv.n_splits=5")
        measure(run, rows_of(table), "table")
        run = train(folder, "text", "data=csv_text", f"data.path={texts}", "data.text=text", "model=text_cnn")
        measure(run, rows_of(texts), "text")


if __name__ == "__main__":
    main()
