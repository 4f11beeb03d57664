"""Settings of all tests: only loopback connections, and no settings of the user's."""

import ipaddress
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import trustme
from hypothesis import settings
from pydantic import BaseModel
from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

from runtime.workers import collect_garbage_less_often
from tests.support.dev_server import running_dev_server
from tests.support.job_order import process_jobs_as_single_batch

# No setting of the shell, and no `.env` in the working folder, may connect a test to a real vendor.
for name in list(os.environ):
    if name.startswith(
        ("AWS_", "CLAZAR_", "OFFERS_", "OTEL_", "SALESFORCE_", "SMTP_", "TEMPORAL_")
    ):
        del os.environ[name]
os.environ["OFFERS_ENV_FILE"] = ""
# The SDK fails a workflow task that takes two real seconds: on a busy machine it may.
os.environ["TEMPORAL_DEBUG"] = "1"

TESTS = Path(__file__).parent
END_TO_END, SLOW = "end_to_end", ("web", "workflows", "runtime", "activities", "replay")
"""Folders with tests that take seconds.  Those of the first wait most of the time."""

DEV_SERVER, ADDRESS = "dev_server", pytest.StashKey[str]()

# The duration of a test depends on the load of the machine.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--single-batch",
        action="store_true",
        help="process the jobs of a workflow task in the order that a later SDK turns on",
    )
    parser.addoption("--histories", type=Path, help="replay those of another folder")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: a test that `make test` leaves to `make test-long`")
    # Each client of HTTP reads the authorities that it trusts.  Those of the system take it 20 ms,
    # and nothing here has a certificate of theirs.
    folder = TemporaryDirectory(prefix="authority-")
    config.add_cleanup(folder.cleanup)
    authorities = Path(folder.name) / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(authorities))
    os.environ["SSL_CERT_FILE"] = str(authorities)
    if config.getoption("--single-batch"):
        process_jobs_as_single_batch()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Let the processes of pytest-xdist use the same dev server."""
    config = node.config
    if ADDRESS not in config.stash:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        with _no_output():
            config.stash[ADDRESS] = stack.enter_context(running_dev_server())
    node.workerinput[DEV_SERVER] = config.stash[ADDRESS]


@contextmanager
def _no_output() -> Iterator[None]:
    """What is started meanwhile writes nothing to the terminal: nothing captures it here."""
    kept = os.dup(1), os.dup(2)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        for number, descriptor in enumerate(kept, 1):
            os.dup2(descriptor, number)
            os.close(descriptor)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist adds the groups to the names
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let two processes run the tests that wait, while others compute, and the short ones last."""
    waiting: dict[Path, list[pytest.Item]] = {}
    folders: dict[str, list[pytest.Item]] = {folder: [] for folder in SLOW}
    short: list[pytest.Item] = []
    for item in items:
        folder = item.path.relative_to(TESTS.parent).parts[1]
        if folder == END_TO_END:
            item.add_marker(pytest.mark.long)
        if folder == END_TO_END and not item.get_closest_marker("xdist_group"):
            waiting.setdefault(item.path, []).append(item)
        else:
            folders.get(folder, short).append(item)
    for number, tests in enumerate(waiting.values()):
        for item in tests:
            item.add_marker(pytest.mark.xdist_group(f"{END_TO_END}-{number % 2}"))
    places: dict[Any, float] = {}
    for tests in folders.values():
        for number, item in enumerate(tests):
            place = number / len(tests)
            if group := item.get_closest_marker("xdist_group"):
                # Its tests stay together, in one process: early, so that none is left at the end.
                place = places.setdefault(group.args, place / 2)
            places[item] = place
    mixed = sorted((item for item in items if item in places), key=places.__getitem__)
    items[:] = [*chain.from_iterable(waiting.values()), *mixed, *short]


def pytest_collection_finish() -> None:
    # Thousands of tests live until the end.
    collect_garbage_less_often()


copy_model = BaseModel.model_copy


def model_copy(self: BaseModel, *, update: Mapping[str, Any] | None = None, **rest: Any) -> Any:
    """Pydantic's method, but an unknown field fails: a renamed field would be lost silently."""
    unknown = set(update or ()) - set(type(self).model_fields)
    assert not unknown, f"{type(self).__name__} has no field {unknown}"
    return copy_model(self, update=update, **rest)


BaseModel.model_copy = model_copy  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def dev_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of Temporal's dev server: for tests that neither stop nor restart it."""
    shared: dict[str, str] = getattr(request.config, "workerinput", {})
    with nullcontext(shared[DEV_SERVER]) if shared else running_dev_server() as address:
        yield address


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to anything but loopback."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if host is not None and host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise AssertionError(f"a test tried to connect to {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def unused_tcp_port() -> Iterator[int]:
    """A port at which no program listens.

    Unlike pytest-asyncio's it stays bound: no other test can get it meanwhile.
    """
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
