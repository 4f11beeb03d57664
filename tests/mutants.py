"""Which rules of the domain no test holds: `make mutants SAMPLE=400 MINUTES=60 SEED=1 REUSE=1`.

A mutant is the source with one place changed.  It is killed if a test fails that runs this place.
The tests run on copies of the tree, its own first and then the quickest, up to one that fails.

Not mutated: types, docstrings, and texts with a space, which are wording.

Enumerations, constants and the fields of a model are run while modules are imported, so a test that
reads them is not seen to run them.  Such a place, and one that no test is seen to run, has the
tests of its module and those of the test files that import it.
"""

# Not by a library: cosmic-ray 8.7 runs the same tests for each mutant, and mutmut 3.8 changes no
# function that is decorated.

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from queue import SimpleQueue
from random import Random, SystemRandom
from typing import Any

import pytest
from coverage import CoverageData

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".mutants"
COVERAGE = FOLDER / "coverage"
DURATIONS = FOLDER / "durations.json"
MUTATED = ("offers", "activities")
TESTS = [
    f"tests/{each}"
    for each in (*MUTATED, "workflows", "runtime", "client", "cli", "web", "end_to_end")
]
"""Those that run the mutated folders."""
BUDGET_SECONDS = 30
"""How long the tests of one mutant may take, as measured: of the others the number is given."""

OPERATORS: dict[type[ast.AST], Any] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


@dataclass(frozen=True)
class Mutant:
    """One place of a file and what stands there instead; `start` and `end` count bytes."""

    file: str
    line: int
    last_line: int
    start: int
    end: int
    after: str

    def source(self) -> tuple[bytes, bytes]:
        """The file as it is, and with the mutant."""
        source = (ROOT / self.file).read_bytes()
        return source, source[: self.start] + self.after.encode() + source[self.end :]

    def __str__(self) -> str:
        before = self.source()[0][self.start : self.end].decode()
        return f"{self.file}:{self.line}: {' '.join(before.split())}  ->  {self.after}"


# Mutants -----------------------------------------------------------------------------------------


def mutants_of(file: str) -> Iterator[Mutant]:
    source = (ROOT / file).read_bytes()
    lines = [0]
    for each in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(each))
    for node in _places(ast.parse(source)):
        for place, after in _changes(node):
            last = place.end_lineno or place.lineno
            start = lines[place.lineno - 1] + place.col_offset
            end = lines[last - 1] + (place.end_col_offset or 0)
            yield Mutant(file, place.lineno, last, start, end, after)


def _places(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    match node:
        # The positions within an f-string are wrong before Python 3.12.
        case ast.JoinedStr() | ast.arg() | ast.Expr(value=ast.Constant()):
            return
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            children = [*node.decorator_list, node.args, *node.body]
        case ast.AnnAssign():
            children = [node.value] if node.value else []
        case ast.Assign(value=ast.BinOp(op=ast.BitOr())) | ast.Subscript(value=ast.Name()):
            # An alias of types, or the arguments of a type.
            below = ast.iter_child_nodes(node)
            children = [each for each in below if not isinstance(each, ast.BinOp)]
        case _:
            children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from _places(child)


def _changes(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:  # noqa: PLR0912
    """The places at a node, and what is put there instead."""
    match node:
        case ast.Compare(ops=ops):
            for number, operator in enumerate(ops):
                changed = [*ops[:number], OPERATORS[type(operator)](), *ops[number + 1 :]]
                yield node, _text(ast.Compare(node.left, changed, node.comparators))
        case ast.BoolOp(op=operator, values=values):
            yield node, _text(ast.BoolOp(OPERATORS[type(operator)](), values))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            yield node, _text(ast.BinOp(left, OPERATORS[type(operator)](), right))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, _text(operand)
        case ast.Constant(value=bool(value)):
            yield node, repr(not value)
        case ast.Constant(value=int(value)):
            yield node, repr(value + 1)
        case ast.Constant(value=str(value)) if value and not any(map(str.isspace, value)):
            yield node, repr(value + "x")
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            yield node, "return None"
        case ast.Expr(value=ast.Call() | ast.Await() | ast.Yield() | ast.YieldFrom()):
            yield node, "pass"
        case ast.Raise() | ast.Continue() | ast.Break() | ast.Delete() | ast.AugAssign():
            yield node, "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield node, "pass"
        case ast.comprehension(ifs=ifs):
            yield from ((each, "True") for each in ifs)
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        test = node.test
        if isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.Await | ast.NamedExpr):
            yield test, _text(ast.UnaryOp(ast.Not(), test))


def _text(node: ast.expr) -> str:
    return f"({ast.unparse(node)})"


# Tests -------------------------------------------------------------------------------------------


class Durations:
    """A plugin of pytest that records how long each test took that passed."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not hasattr(session.config, "workerinput"):
            passed = {name: s for name, s in self.seconds.items() if name not in self.failed}
            Path(os.environ["MUTANTS_DURATIONS"]).write_text(json.dumps(passed), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Makes this module a plugin of pytest."""
    config.pluginmanager.register(Durations())


def measure(processes: int) -> None:
    """Run the tests once, and record which lines each one runs."""
    tree = copy_tree("measured")
    (tree / ".coveragerc").write_text(
        "[run]\nrelative_files = true\nconcurrency = thread\n", encoding="utf-8"
    )
    COVERAGE.unlink(missing_ok=True)
    # A test that is timed out ends its process, and with it what the process has measured.
    command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "--show-capture=no"]
    command += ["--timeout=0", "-n", str(processes), "--dist", "loadgroup", "-p", "tests.mutants"]
    command += [*(f"--cov={each}" for each in MUTATED), "--cov-context=test", "--cov-report="]
    environment = os.environ | {"COVERAGE_FILE": str(COVERAGE), "MUTANTS_DURATIONS": str(DURATIONS)}
    subprocess.run([*command, *TESTS], cwd=tree, env=environment, check=False)


AT_IMPORT = ""
"""What coverage records for a line that is run before the first test of a process."""


def imported_by(file: Path) -> Iterator[str]:
    """The names of the modules that a file imports, and of what it imports from them."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{each.name}" for each in names)


class Covering:
    """The tests that run a place, and how long each takes."""

    def __init__(self) -> None:
        self._data = CoverageData(str(COVERAGE))
        self._data.read()
        self.seconds: dict[str, float] = json.loads(DURATIONS.read_text(encoding="utf-8"))
        self._lines = cache(self._lines_of)
        self._importing = defaultdict[str, set[str]](set)
        """By module, the tests of the files that import it; a package stands for all of its own."""
        by_file = defaultdict[str, set[str]](set)
        for test in self.seconds:
            by_file[test.partition("::")[0]].add(test)
        for test_file, tests in by_file.items():
            for module in imported_by(ROOT / test_file):
                self._importing[module] |= tests

    def tests(self, mutant: Mutant) -> list[str]:
        """Those of the file itself first, then those of its folder, then the quickest."""
        lines = self._lines(mutant.file)
        numbers = range(mutant.line, mutant.last_line + 1)
        found = set[str]().union(*(lines.get(number, ()) for number in numbers))
        if not found or AT_IMPORT in found:
            module = mutant.file.removesuffix(".py").replace("/", ".")
            package = module.partition(".")[0]
            importing = self._importing[module] | self._importing[package]
            found = found.union(*lines.values(), importing)
        folder, _, name = mutant.file.removesuffix(".py").rpartition("/")
        own = f"tests/{folder}/test_{name}.py", f"tests/{folder}/"

        def order(test: str) -> tuple[bool, bool, float]:
            file, of_folder = map(test.startswith, own)
            return not file, not of_folder, self.seconds[test]

        return sorted(found - {AT_IMPORT}, key=order)

    def _lines_of(self, file: str) -> dict[int, set[str]]:
        known = self.seconds.keys() | {AT_IMPORT}
        return {
            line: {each.rpartition("|")[0] for each in contexts} & known
            for line, contexts in self._data.contexts_by_lineno(file).items()
        }


# Runs --------------------------------------------------------------------------------------------


def copy_tree(name: str) -> Path:
    """A copy of the files that git knows or would know."""
    tree = FOLDER / name
    shutil.rmtree(tree, ignore_errors=True)
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for each in filter(None, listed.stdout.split("\0")):
        if (ROOT / each).is_file():
            (tree / each).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / each, tree / each)
    return tree


def survives(mutant: Mutant, tree: Path, covering: Covering) -> str | None:
    """How many of the tests that cover a mutant were run, if none failed."""
    tests = covering.tests(mutant)
    ends = accumulate(covering.seconds[test] for test in tests)
    chosen = tests[: max(1, sum(end <= BUDGET_SECONDS for end in ends))]
    said = f"{len(chosen)} of {len(tests)} covering tests"
    if not chosen:
        return said
    (tree / "tests.txt").write_text("\n".join(chosen), encoding="utf-8")
    unchanged, changed = mutant.source()
    # Without compiled modules: a mutant may have the time stamp and the size of the one before.
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "--tb=no", "--show-capture=no"]
    command += ["-p", "no:cacheprovider", "--timeout=30", "@tests.txt"]
    (tree / mutant.file).write_bytes(changed)
    try:
        # A test that loops fails by its own time-out; this one is for what runs around tests.
        done = subprocess.run(
            command, cwd=tree, capture_output=True, check=False, timeout=10 * BUDGET_SECONDS + 60
        )
    except subprocess.TimeoutExpired:
        return None
    finally:
        (tree / mutant.file).write_bytes(unchanged)
    return None if done.returncode else said


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("--sample", type=int, default=400)
    parser.add_argument("--minutes", type=float, default=60, help="after them no mutant begins")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--reuse", action="store_true", help="the last measurement of the tests")
    parser.add_argument("--only", default="", help="files whose path begins with this")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    FOLDER.mkdir(exist_ok=True)
    if not given.reuse or not DURATIONS.exists():
        measure(given.processes)
    covering = Covering()
    paths = (path for folder in MUTATED for path in (ROOT / folder).rglob("*.py"))
    files = sorted(str(path.relative_to(ROOT)) for path in paths)
    every = [each for file in files if file.startswith(given.only) for each in mutants_of(file)]
    sample = Random(given.seed).sample(every, min(given.sample, len(every)))  # noqa: S311
    print(f"{len(every)} mutants, of which {len(sample)} are run", flush=True)
    until, decided, survivors = time.monotonic() + 60 * given.minutes, 0, 0
    trees: SimpleQueue[Path] = SimpleQueue()
    for number in range(given.processes):
        trees.put(copy_tree(f"tree-{number}"))

    def decide(mutant: Mutant) -> tuple[Mutant, bool, str | None]:
        if time.monotonic() > until:
            return mutant, False, None
        tree = trees.get()
        try:
            return mutant, True, survives(mutant, tree, covering)
        finally:
            trees.put(tree)

    with ThreadPoolExecutor(given.processes) as pool:
        for mutant, was_run, said in pool.map(decide, sample):
            decided += was_run
            if said:
                survivors += 1
                print(f"survived: {mutant}  ({said})", flush=True)
    killed = decided - survivors
    print(f"killed {killed} of {decided} ({killed / max(decided, 1):.0%}), seed {given.seed}")


if __name__ == "__main__":
    main()
