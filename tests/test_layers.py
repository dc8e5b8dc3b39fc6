"""Imports go down only: the contracts hold, and planted imports the other way break them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutations.tree import ROOT, copy_to, run

LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copy_to(tmp_path / "tree")


def test_imports_go_down_only():
    linted = run(ROOT, "-c", LINT)

    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_no_contract_makes_an_exception():
    assert "ignore_imports" not in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("file", "upward", "told"),
    [
        ("billing/money.py", "from portal import daily", "billing.money -> portal.daily"),
        ("notifications/rules.py", "import support.apps", "notifications.rules -> support.apps"),
        ("billing/charging.py", "from . import settling", "billing.charging -> billing.settling"),
        ("billing/gateways/base.py", "from billing.models import Payment", "billing.gateways.base -> billing.models"),
    ],
)
def test_a_planted_import_the_other_way_is_found(tree, file, upward, told):
    with (tree / file).open("a") as module:
        module.write(f"\n{upward}  # noqa\n")

    linted = run(tree, "-c", LINT)

    assert linted.returncode == 1, linted.stdout + linted.stderr
    assert told in linted.stdout
