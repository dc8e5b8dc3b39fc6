"""What guards money and dates stays on under ``python -O``, which drops every ``assert``."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from tests.mutations.tree import ROOT

HEART = ("tests/billing/test_money.py", "tests/billing/test_charging.py", "tests/billing/test_applying.py")


@pytest.mark.parametrize("app", ["billing", "notifications", "support"])
def test_no_rule_is_an_assertion(app):
    asserting = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in (ROOT / app).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Assert)
    ]

    assert asserting == []


def test_the_heart_holds_without_assertions():
    command = [sys.executable, "-O", "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-W", "ignore", *HEART]
    # A database of its own: on a server the outer session has the test database.
    apart = os.environ | {"DATABASE_URL": "sqlite:///var/optimized.sqlite3"}
    done = subprocess.run(command, cwd=ROOT, env=apart, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stdout[-2000:]
