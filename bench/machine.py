"""What the figures were measured on."""

import os
import platform
from pathlib import Path
from statistics import median
from typing import Any


def machine() -> dict[str, Any]:
    """The machine's facts, and how busy it was before."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 1),
    }


def resident_mb() -> float:
    """Megabytes of memory that this process holds."""
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def spread(values: list[float], digits: int = 1) -> dict[str, float]:
    """The median of some measurements between the smallest and the largest."""
    return {
        "median": round(median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
    }
