"""How long `offerflow --help` takes: `python -m bench.command_start` prints it as JSON."""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RUNS = 9


def command_start() -> dict[str, Any]:
    """Wall time of the process in milliseconds; the first run, which compiles, does not count."""
    command = [sys.executable, str(Path(__file__).parents[1] / "starter.py"), "--help"]
    taken = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        taken.append(round(1000 * (time.perf_counter() - began)))
    _, *counted = taken
    return {
        "help_milliseconds": {
            "median": statistics.median(counted),
            "smallest": min(counted),
            "largest": max(counted),
        },
        "target_milliseconds": 300,
    }


if __name__ == "__main__":
    print(json.dumps(command_start(), indent=2))
