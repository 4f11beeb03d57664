"""Rules for the repository that no other test checks."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.common import FAILURE, INTERRUPTED, SUCCESS, USAGE
from client.listing import OfferRow
from offers.diagnosis.cause import Explanation, Question
from offers.diagnosis.snapshot import Unanswered
from offers.lifecycle.attentions import AttentionCode
from tests.support.commands import COMMANDS
from tests.support.workflow_harness import installed_program
from workflows.offer.search_attributes import KEYS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|md|toml|ya?ml|jinja))`")
"""A file with its folder, in backticks."""
TEST = re.compile(r"`((?:sandbox/)?tests/[\w/]+\.py)::(test_\w+)`")
"""A test with its file, in backticks."""
COMMAND = re.compile(r"\bofferflow ([a-z][a-z-]*)")


def test_import_rules() -> None:
    checked = subprocess.run(
        [installed_program("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_no_test_module_is_imported() -> None:
    imported = re.compile(r"^from (tests|sandbox\.tests)[\w.]*\.test_", re.MULTILINE)
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "sandbox" / "tests").rglob("*.py")]
    assert [str(each) for each in files if imported.search(each.read_text(encoding="utf-8"))] == []


@pytest.mark.xdist_group("in-real-time")
def test_tests_of_a_group_run_in_one_process(request: pytest.FixtureRequest) -> None:
    """pytest-xdist groups by the end of the name, which it adds in each of its processes."""
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith("@in-real-time")


def test_every_attention_is_raised_by_a_test() -> None:
    """By its name or its code."""
    files = [each for each in (ROOT / "tests").rglob("*.py") if each != Path(__file__)]
    text = "".join(each.read_text(encoding="utf-8") for each in files)
    unnamed = [
        code
        for code in AttentionCode
        if f"AttentionCode.{code.name}" not in text and f'"{code}"' not in text
    ]
    assert unnamed == []


def test_each_exception_from_a_security_rule_names_the_rule_and_the_reason() -> None:
    """What bandit is to pass over: `# nosec B404  # why`."""
    complete = re.compile(r"# nosec B\d{3}  # \w")
    incomplete = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for folder in ("offers", "activities", "workflows", "runtime", "client", "cli", "web")
        for file in (ROOT / folder).rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if "# nosec" in line and not complete.search(line)
    ]
    assert incomplete == []


def test_text_files_are_read_and_written_as_utf_8() -> None:
    """Ruff finds this only where it knows that something is a path."""
    texts = {
        each.relative_to(ROOT): each.read_text(encoding="utf-8")
        for each in ROOT.rglob("*.py")
        if not each.relative_to(ROOT).parts[0].startswith(".")
    }
    without = [
        f"{path}:{node.lineno}"
        for path, text in texts.items()
        if "read_text" in text or "write_text" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("read_text", "write_text")
        and not any(keyword.arg == "encoding" for keyword in node.keywords)
    ]
    assert without == []


def test_compose_file_matches_the_schema() -> None:
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", "docker-compose.temporal.yml"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_compose_file_publishes_only_to_loopback() -> None:
    compose: Any = yaml.safe_load(
        (ROOT / "docker-compose.temporal.yml").read_text(encoding="utf-8")
    )
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_template_of_settings_has_a_line_for_each_and_no_other() -> None:
    from runtime.settings import WebSettings, WorkerSettings

    template = (ROOT / ".env.example").read_text(encoding="utf-8")
    lines = re.findall(r"^#?([A-Z_]+)=", template, flags=re.MULTILINE)
    # Temporal's and AWS's own libraries read these; whether they are right is theirs to say.
    others = {name for name in lines if name.startswith(("TEMPORAL_", "AWS_"))}
    known = {name.upper() for kind in (WorkerSettings, WebSettings) for name in kind.model_fields}
    assert len(lines) == len(set(lines))
    assert set(lines) - (others - known) == known


def test_examples_are_complete_and_valid() -> None:
    import tomllib

    from activities.salesforce.field_map import FieldMap
    from offers.policy.policy import Policy

    policy = tomllib.loads((ROOT / "examples" / "policy.toml").read_text(encoding="utf-8"))
    assert Policy.model_validate(policy) == Policy(), "a value differs from its default"
    assert set(policy) == set(Policy.model_fields)
    fields = FieldMap.model_validate(
        tomllib.loads((ROOT / "examples" / "fields.toml").read_text(encoding="utf-8"))
    )
    assert set(fields.read) >= {"company", "amount", "buyer_accounts", "buyer_email"}


def test_deployment_page_names_every_search_attribute() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    assert [key.name for key in KEYS if key.name not in page] == []


def test_page_of_the_command_line_describes_what_programs_read() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+) \|", page, flags=re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", " ".join(rows)))
    assert set(OfferRow.model_fields) - named == set()
    diagnosis = page.partition("## Why something is not as expected")[2].partition("\n## ")[0]
    fields = {*Explanation.model_fields, *Unanswered.model_fields, "commands"} - {"actions"}
    assert {each for each in (*fields, *Question) if f"`{each}`" not in diagnosis} == set()
    codes = set(re.findall(r"^\| (\d+) \|", page, flags=re.MULTILINE))
    assert codes == {str(code) for code in (SUCCESS, FAILURE, USAGE, INTERRUPTED)}


def test_files_and_commands_in_the_docs_exist() -> None:
    missing = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        paths = [(page.parent / link).resolve() for link in LINK.findall(text)]
        paths += [ROOT / path for path in PATH.findall(text)]
        missing += [f"{page.name}: {path}" for path in paths if not path.exists()]
        named = {*COMMAND.findall(text)} - {*COMMANDS.entries}
        missing += [f"{page.name}: offerflow {name}" for name in named]
    assert not missing


def test_each_rule_of_the_security_page_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rules = [
        line for line in page.splitlines() if line.startswith("| ") and "Rule | Test" not in line
    ]
    assert [rule for rule in rules if not TEST.search(rule.rpartition(" | ")[2])] == []
    named = set(TEST.findall(page))
    assert page.count("::test_") == len(TEST.findall(page)), "one is not written like the others"
    missing = {(file, name) for file, name in named if name not in functions(ROOT / file)}
    assert missing == set()


@cache
def functions(file: Path) -> frozenset[str]:
    """The names of a module's functions; none if it does not exist."""
    source = file.read_text(encoding="utf-8") if file.exists() else ""
    return frozenset(re.findall(r"^(?:async )?def (\w+)", source, flags=re.MULTILINE))


def texts(source: str) -> Iterator[str]:
    """The string literals of a module, without interpolated values."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_domain_and_workflows_contain_no_command() -> None:
    """They contain actions (`lifecycle.actions`); the command line turns these into commands."""
    command = re.compile(r"starter\.py|offerflow\b|(?<![\w-])--[a-z]")
    found = {
        f"{file.relative_to(ROOT)}: {text}"
        for folder in ("offers", "workflows")
        for file in (ROOT / folder).rglob("*.py")
        for text in texts(file.read_text(encoding="utf-8"))
        if command.search(text)
    }
    assert not found


def test_only_one_activity_module_contains_commands() -> None:
    command = re.compile(r"starter\.py|offerflow\b")
    found = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "activities").rglob("*.*")
        if file.suffix in (".py", ".jinja") and command.search(file.read_text(encoding="utf-8"))
    }
    assert found == {"activities/email/actions.py"}
