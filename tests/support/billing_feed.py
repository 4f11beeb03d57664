"""Lines of AWS's seller data feed."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence


def csv_text(rows: Iterable[Mapping[str, str]], header: Sequence[str]) -> str:
    """A file of the feed."""
    written = io.StringIO()
    writer = csv.DictWriter(written, header, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()
