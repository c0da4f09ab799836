# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bridge's metrics and its process say: slow turns of the main loop, memory."""
from pathlib import Path

from .rest import http_request

TURN = "trestle_loop_turn_seconds"


def metrics(stack):
    """Name (with labels) → number."""
    text = http_request(stack.info["admin"], "GET", "/metrics").raw.decode()
    lines = (line.rpartition(" ") for line in text.splitlines() if line and line[0] != "#")
    return {name: float(value) for name, _, value in lines}


def is_instrumented(stack):
    """Whether the (first) bridge runs under a sanitizer or valgrind: several times slower, and it keeps what was freed."""
    maps = Path(f"/proc/{stack.pids()['bridge.0']}/maps").read_text()
    return "libasan" in maps or "valgrind" in maps


def slow_turns(stack):
    """How many turns of the main loop took longer than 20 ms so far; 50 ms if it is instrumented."""
    seen, limit = metrics(stack), "0.05" if is_instrumented(stack) else "0.02"
    return int(seen[f"{TURN}_count"] - seen[f'{TURN}_bucket{{le="{limit}"}}'])


def resident(stack):
    """Bytes of memory of the (first) bridge; 0 if it is instrumented."""
    if is_instrumented(stack):
        return 0
    status = Path(f"/proc/{stack.pids()['bridge.0']}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def never_stalls(stack, attack, attempts=4):
    """Runs `attack` and checks that no turn was slow. On a busy machine any turn may be
    interrupted, so a slow one counts only if every repetition has one; returns attack's result."""
    counts = []
    for _ in range(attempts):
        before = slow_turns(stack)
        result = attack()
        counts.append(slow_turns(stack) - before)
        if counts[-1] == 0:
            return result
    raise AssertionError(f"slow turns in every one of {attempts} attempts: {counts}")
