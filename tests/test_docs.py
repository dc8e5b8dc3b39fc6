"""The documents tell of everything that is there, and of nothing else."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from billing import events, states
from billing.models import TaskKind
from notifications import staff
from notifications.rules import RULES
from portal.settings import environment
from tests.mutations.tree import ROOT

DOCS = ROOT / "docs"
MACHINES = {
    "Service": (states.SubscriptionState, states.SUBSCRIPTION_TRANSITIONS),
    "Invoice": (states.InvoiceState, states.INVOICE_TRANSITIONS),
    "Payment": (states.PaymentState, states.PAYMENT_TRANSITIONS),
    "Refund": (states.RefundState, states.REFUND_TRANSITIONS),
    "Dispute": (states.DisputeState, states.DISPUTE_TRANSITIONS),
    "Dunning case": (states.CaseState, states.CASE_TRANSITIONS),
}
STATES = re.compile(r"<!-- states -->\n\n(.*?)\n<!-- /states -->", re.DOTALL)
APPS = ("portal", "notifications", "support", "billing")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def codes(text: str) -> set[str]:
    """Everything that a document sets as code, word by word."""
    return {word for span in re.findall(r"`([^`\n]+)`", text) for word in (span, *span.split())}


def states_tables() -> str:
    """Write the legal moves of each machine as a table."""
    return "\n".join(_table(name, list(kind), moves) for name, (kind, moves) in MACHINES.items())


def _table(name: str, order: list[str], moves: states.Transitions) -> str:
    rows = [f"| `{old}` | {', '.join(f'`{new}`' for new in order if new in moves[old]) or 'final'} |" for old in order]
    return "\n".join([f"| {name} | may become |", "|---|---|", *rows, ""])


def commands() -> list[str]:
    return sorted(
        file.stem for app in APPS for file in (ROOT / app).glob("management/commands/*.py") if file.stem != "__init__"
    )


def check_ids() -> Iterable[str]:
    """Find the ids that our own checks give, in the source: not every check speaks in a test."""
    for app in APPS:
        file = ROOT / app / "checks.py"
        if file.is_file():
            calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
            for keyword in (keyword for call in calls for keyword in call.keywords if keyword.arg == "id"):
                assert isinstance(keyword.value, ast.Constant)
                yield keyword.value.value


def dependencies() -> list[str]:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    every = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    return [re.split(r"[^A-Za-z0-9-]", each)[0] for each in every]


def rows_of(name: str) -> list[str]:
    """Return the first cell of each row of a document's tables."""
    return [row.split("|")[1].strip().strip("`") for row in read(name).splitlines() if row.startswith("| ")]


def test_every_variable_is_explained_once():
    explained = [cell for cell in rows_of("docs/configuration.md") if cell != "Variable"]

    assert sorted(explained) == sorted(environment.schema)


def test_every_dependency_has_one_reason():
    named = [cell for cell in rows_of("docs/dependencies.md") if cell != "Package"]

    assert sorted(named) == sorted(dependencies())


@pytest.mark.parametrize("command", commands())
def test_every_command_and_its_options_are_explained(command):
    from django.core.management import load_command_class

    app = next(app for app in APPS if (ROOT / app / f"management/commands/{command}.py").is_file())
    parser = load_command_class(app, command).create_parser("manage.py", command)
    everyones = {"--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color"}
    everyones |= {"--force-color", "--skip-checks", "--help"}
    own = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    django_s_own = {"--no-input", "--noinput", "--database"}

    operations = read("docs/operations.md")

    assert command in codes(operations)
    assert own - everyones - django_s_own <= codes(operations)


@pytest.mark.parametrize("event_type", events.TYPES)
def test_every_event_is_explained(event_type):
    assert f"| `{event_type}` |" in read("docs/architecture.md")


def test_the_architecture_says_which_events_are_mailed():
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| (.+?) \|", read("docs/architecture.md"), re.MULTILINE)

    assert {event_type for event_type, mailed in rows if mailed != "–"} == {*RULES, *staff.TYPES}
    assert {event_type for event_type, _ in rows} == set(events.TYPES)


def test_every_system_check_is_explained():
    ids = list(check_ids())

    assert ids
    assert set(ids) <= codes(read("docs/operations.md"))


@pytest.mark.parametrize("kind", TaskKind.values)
def test_every_kind_of_staff_task_says_what_to_do(kind):
    assert kind in rows_of("docs/operations.md")


def test_every_module_of_billing_has_its_place_in_the_architecture():
    modules = {file.stem for file in (ROOT / "billing").glob("[a-z]*.py")}
    packages = {file.parent.name for file in (ROOT / "billing").glob("*/__init__.py")} - {"migrations"}

    assert modules | packages <= codes(read("docs/architecture.md"))


def test_every_invariant_is_told_with_what_proves_it():
    assert [cell for cell in rows_of("docs/architecture.md") if re.fullmatch(r"I\d+", cell)] == [
        f"I{number}" for number in range(1, 13)
    ]


def test_tables_of_states_are_those_of_the_code():
    (written,) = STATES.findall(read("docs/architecture.md"))

    assert written == states_tables(), f"the tables should be:\n{states_tables()}"


def test_readme_names_every_make_target_and_folder():
    readme, makefile = read("README.md"), read("Makefile")
    helped = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split()) - {"help"}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folders = {name.partition("/")[0] for name in tracked.split() if "/" in name and not name.startswith(".")}

    assert {target for target in targets if f"make {target} " not in helped} == set()
    assert {target for target in targets if f"make {target}" not in readme and f"`{target}`" not in readme} == set()
    assert {folder for folder in folders if f"{folder}/" not in readme} == set()


def test_changelog_has_an_entry_for_this_version():
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]

    assert re.search(rf"^## {re.escape(version)}\b", read("CHANGELOG.md"), re.MULTILINE)


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_links_between_documents_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_decisions_say_context_decision_and_consequence():
    notes = sorted((DOCS / "decisions").glob("*.md"))

    assert notes
    assert [note.name[:4] for note in notes] == [f"{number:04}" for number in range(1, len(notes) + 1)]
    for note in notes:
        assert re.findall(r"^## (.+)$", note.read_text(), re.MULTILINE) == ["Context", "Decision", "Consequence"]


def test_every_fault_and_its_test_stand_in_the_table_once():
    told = re.findall(r"^\|.*\| `(test_\w+)` \|$", read("docs/reliability.md"), re.MULTILINE)
    found = [
        node.name
        for file in (ROOT / "tests/faults").rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]

    assert sorted(told) == sorted(found)
