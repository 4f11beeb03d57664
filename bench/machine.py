"""Facts about the machine and the process, and the spread of measurements."""

import os
import platform
from pathlib import Path
from statistics import median
from typing import Any


def machine() -> dict[str, Any]:
    """Facts about the machine, and its load before the bench."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 1),
    }


def resident_mb(process: int | None = None) -> float:
    """Resident memory of a process, of this one by default, in megabytes."""
    status = Path(f"/proc/{process or 'self'}/status").read_text(encoding="utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def spread(values: list[float], digits: int = 1) -> dict[str, float]:
    """The median, the smallest and the largest of some measurements."""
    return {
        "median": round(median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
    }
