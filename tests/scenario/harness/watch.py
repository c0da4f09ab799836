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


def statements(stack):
    """Name → how often the statement was run so far; without those for jobs and the search, which are run all the time."""
    return {name: count for name, count in metrics(stack).items()
            if name.startswith("trestle_query_seconds_count") and not any(f'query="{one}' in name for one in ("job_", "search_"))}


def most_run(stack, before):
    """How often that statement was run that was run most since BEFORE, of statements()."""
    return max(count - before.get(name, 0) for name, count in statements(stack).items())


def is_instrumented(stack):
    """Whether the (first) bridge runs under a sanitizer or valgrind: several times slower, and it keeps what was freed."""
    maps = Path(f"/proc/{stack.pids()['bridge.0']}/maps").read_text()
    return "libasan" in maps or "valgrind" in maps


def slow_limit(stack):
    """Seconds after which a turn of the main loop counts as slow."""
    return 0.05 if is_instrumented(stack) else 0.02


def slow_turns(stack):
    """How many turns of the main loop took longer than that so far."""
    seen = metrics(stack)
    return int(seen[f"{TURN}_count"] - seen[f'{TURN}_bucket{{le="{slow_limit(stack):g}"}}'])


def waited(stack):
    """Seconds for which the (first) bridge's main thread could have run so far, and had to wait for a processor."""
    return int(Path(f"/proc/{stack.pids()['bridge.0']}/schedstat").read_text().split()[1]) / 1e9


def resident(stack):
    """Bytes of memory of the (first) bridge; 0 if it is instrumented."""
    if is_instrumented(stack):
        return 0
    status = Path(f"/proc/{stack.pids()['bridge.0']}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def never_stalls(stack, attack, attempts=4):
    """Runs `attack` and checks that no turn was slow; returns attack's result.

    On a busy machine any turn may be interrupted: turns that the machine may have made slow do not count, and others only if
    every repetition has one.
    """
    limit, seen = slow_limit(stack), []
    for _ in range(attempts):
        before, began = slow_turns(stack), waited(stack)
        result = attack()
        seen.append((slow_turns(stack) - before, waited(stack) - began))
        count, delay = seen[-1]
        if delay >= count * limit / 2:
            return result
    raise AssertionError(f"(slow turns, seconds without a processor) in every one of {attempts} attempts: {seen}")
