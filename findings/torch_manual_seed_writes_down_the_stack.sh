#!/usr/bin/env bash
# torch 2.14.1, as it comes from PyPI (with CUDA), before a GPU is used or where there is none: torch.manual_seed(n).
# Guess: it sets one number of one generator, a microsecond; seeding before every row or every step costs nothing.
# Seen: it also notes the seed for kinds of device that may be used later (cuda, xpu, mtia), and for each writes down
#       the whole stack of calls as text: three times per call, so the deeper the caller, the slower. 0.1 ms at the
#       top of a script and 0.4 ms forty calls deep, where torch.default_generator.manual_seed(n) takes 1 microsecond
#       and gives the same numbers.
# Instead: seed the generator of the device that draws; within fork_rng(devices=[]) no other is put back anyway.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
import time
import traceback

import torch

N = 300
stacks = []
plain = traceback.format_stack
traceback.format_stack = lambda *given, **options: stacks.append(1) or plain(*given, **options)


def deep(depth, seed):
    """Seed N times from so many calls deep; return the microseconds of one."""
    if depth:
        return deep(depth - 1, seed)
    began = time.process_time()
    for number in range(N):
        seed(number)
    return 1e6 * (time.process_time() - began) / N


torch.manual_seed(7)
expected, per_call = torch.rand(3), len(stacks)
stacks.clear()
torch.default_generator.manual_seed(7)
same, per_call_of_generator = bool(torch.equal(torch.rand(3), expected)), len(stacks)
one, forty, generator = deep(0, torch.manual_seed), deep(40, torch.manual_seed), deep(40, torch.default_generator.manual_seed)
print(f"torch {torch.__version__}: stacks written per call {per_call}, {per_call_of_generator} by the generator's own seeding")
print(f"microseconds: {one:.0f} at the top, {forty:.0f} forty calls deep, {generator:.0f} by the generator; same numbers: {same}")
assert (per_call, per_call_of_generator, same) == (3, 0, True), "the behaviour has changed"
assert forty > 10 * generator, "the behaviour has changed"
PY
echo "as described"
