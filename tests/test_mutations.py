"""The guards' own guards: breakages still fit the code, and no test is skipped unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutations.breakages import BREAKAGES, Breakage, DoesNotFit, Edit
from tests.mutations.tree import ROOT, copy_to, run


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_every_breakage_still_fits_the_code(breakage: Breakage):
    for edit in breakage.edits:
        assert edit.count_in(ROOT) == 1, f"{edit.file}: the text to break occurs {edit.count_in(ROOT)} times"
    file, *_, test = breakage.noticed_by.split("::")
    assert f"def {test}(" in (ROOT / file).read_text()


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_skipped_test_fails_the_run(tmp_path: Path, workers):
    tree = copy_to(tmp_path / "tree")
    planted = "import pytest\n\n\n@pytest.mark.skip(reason='later')\ndef test_later():\n    pass\n"
    (tree / "tests" / "test_planted.py").write_text(planted)

    tested = run(tree, "-m", "pytest", "-q", "-n", workers, "tests/test_planted.py")

    assert tested.returncode == pytest.ExitCode.TESTS_FAILED, tested.stdout + tested.stderr
    assert "not allowed to be: tests/test_planted.py::test_later" in tested.stdout


def test_a_text_that_is_not_there_once_is_an_error(tmp_path: Path):
    (tmp_path / "module.py").write_text("a = 1\na = 1\n")

    for old in ("a = 1", "b = 1"):
        with pytest.raises(DoesNotFit):
            Edit("module.py", old, "").apply(tmp_path)
