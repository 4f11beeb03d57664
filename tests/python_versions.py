"""Run the workflow and replay tests on every Python version that is found: `make test-versions`.

On each one in both orders of a task's jobs; and each one replays what the others recorded.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

VERSIONS = ("3.11", "3.12", "3.13")
"""Those of `requires-python`."""
ROOT = Path(__file__).parents[1]
ORDERS: tuple[list[str | Path], ...] = ([], ["--single-batch"])


def find(version: str) -> Path | None:
    """A Python of this version: a program on the `PATH`, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    programs = [
        f"python{version}",
        *map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python"))),
    ]
    for program in programs:
        try:
            found = run([program, "-c", "import sys; print(*sys.version_info[:2], sep='.')"])
        except (OSError, subprocess.CalledProcessError):
            continue  # pyenv puts a program for each version on the path, whether active or not
        if found.strip() == version:
            return Path(program)
    return None


def run(command: list[str | Path]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def install(python: Path, version: str) -> Path:
    """An environment with everything that the tests need; returns its Python."""
    folder = ROOT / ".venvs" / version
    installed = folder / "bin" / "python"
    subprocess.run([python, "-m", "venv", folder], check=True)
    options = ["--quiet", "--disable-pip-version-check", "--constraint", "constraints.txt"]
    subprocess.run(
        [installed, "-m", "pip", "install", *options, "--editable", ".[dev]"], cwd=ROOT, check=True
    )
    return installed


def commands(pythons: Mapping[str, Path], folder: Path) -> Iterator[list[str | Path]]:
    """What is run, in this order."""
    recordings = []
    for version, python in pythons.items():
        for order in ORDERS:
            pytest = ["-m", "pytest", "-q", "-n", "4", "--dist", "loadgroup"]
            yield [python, *pytest, *order, "tests/workflows", "tests/replay"]
            recordings.append(folder / "".join(map(str, (version, *order))))
            record = ["-m", "tests.replay.record", "--folder"]
            yield [python, *record, recordings[-1], *order]
    for python in pythons.values():
        for recorded in recordings:
            yield [python, "-m", "pytest", "-q", "tests/replay", "--histories", recorded]


def main() -> None:
    pythons = {version: install(found, version) for version in VERSIONS if (found := find(version))}
    failed = []
    with TemporaryDirectory() as folder:
        for command in commands(pythons, Path(folder)):
            print(*command, flush=True)
            if subprocess.run(command, cwd=ROOT, check=False).returncode:
                failed.append(command)
    for each in failed:
        print("FAILED", *each)
    print("run on Python", *pythons)
    sys.exit(bool(failed) or not pythons)


if __name__ == "__main__":
    main()
