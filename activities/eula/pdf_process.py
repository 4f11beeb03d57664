"""Checks and merges PDFs in a process of its own, with limits: a small file can take any time.

The process gets the documents on standard input and no settings.
"""

import json
import os
import resource
import subprocess  # nosec B404  # runs our own module
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
CPU_SECONDS = 20
"""For all documents of a contract."""
SECONDS = 60
"""After that the machine is too busy to tell: it is no fault of the documents."""
MEMORY_BYTES = 1_000_000_000


class PdfProblem(NamedTuple):
    """What is wrong with a document, and the remedy."""

    document: int | None
    """Counted from 0; None: with all of them."""
    problem: str
    remedy: str


class MergedPdf(NamedTuple):
    """The merged document, or what is wrong."""

    content: bytes
    problems: tuple[PdfProblem, ...] = ()


TOO_MUCH = PdfProblem(
    None, "reading it takes too much time or memory", "Print it to a new PDF, and use that"
)


def check_and_merge(contents: list[bytes]) -> MergedPdf:
    """The documents merged in their order; the same documents always give the same bytes.

    The failure is retryable if the process does not end in time although it used little of it.
    """
    if not contents:
        return MergedPdf(b"")
    lengths = json.dumps([len(each) for each in contents]).encode()
    try:
        ended = subprocess.run(  # noqa: S603  # nosec B603  # our own module, without a shell
            [sys.executable, "-m", __name__, str(CPU_SECONDS), str(MEMORY_BYTES)],
            input=b"\n".join([lengths, b"".join(contents)]),
            capture_output=True,
            cwd=ROOT,
            env={name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ},
            timeout=SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError:
        return MergedPdf(b"", (TOO_MUCH,))
    except subprocess.TimeoutExpired:
        # Not at the top: the process that checks would import every vendor's client (0.4 s).
        from activities.errors import unavailable

        raise unavailable("Our check of the contract", "this machine is too busy") from None
    problems, _, merged = ended.stdout.partition(b"\n")
    return MergedPdf(merged, tuple(PdfProblem(*each) for each in json.loads(problems)))


def check_and_merge_here(contents: list[bytes]) -> MergedPdf:
    """The same in this process, without limits."""
    # Not at the top: the process that waits needs no pypdf.
    from activities.eula.pdf import InvalidPdf, check, merge

    problems: list[PdfProblem] = []
    for number, content in enumerate(contents):
        try:
            check(content)
        except InvalidPdf as mistake:
            problems.append(PdfProblem(number, mistake.problem, mistake.remedy))
    if problems:
        return MergedPdf(b"", tuple(problems))
    try:
        return MergedPdf(merge(contents))
    except InvalidPdf as mistake:
        return MergedPdf(b"", (PdfProblem(None, mistake.problem, mistake.remedy),))


def main(seconds: int, memory_bytes: int) -> None:
    """Read documents from standard input, and write the merged one."""
    import activities.eula.pdf  # noqa: F401  # before the limits

    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    lengths, _, rest = sys.stdin.buffer.read().partition(b"\n")
    contents: list[bytes] = []
    for length in json.loads(lengths):
        contents.append(rest[:length])
        rest = rest[length:]
    merged = check_and_merge_here(contents)
    sys.stdout.buffer.write(json.dumps(merged.problems).encode() + b"\n" + merged.content)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
