"""
Break a copy of the code in named ways, one at a time, and expect the suite to notice.

    python -m tests.mutations [WORD]     only the breakages with WORD in their name

Exit code 0 when all were caught, 1 when one was missed, 2 when the script itself could not do its work.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .breakages import BREAKAGES, Breakage, DoesNotFit
from .tree import ROOT, copy_to, run

AT_ONCE = 2
PASSED, FAILED = 0, 1
PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--tb=line")


class Unusable(Exception):
    """Neither caught nor missed: the tests could not be run as they should."""


def main(words: Sequence[str]) -> int:
    chosen = [breakage for breakage in BREAKAGES if all(word in breakage.name for word in words)]
    if not chosen:
        sys.stderr.write(f"mutations: no breakage is named {' '.join(words)}\n")
        return 2
    try:
        for edit in (edit for breakage in chosen for edit in breakage.edits):
            edit.check(ROOT)
        expect_green(chosen)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = list(pool.map(report, chosen))
    except (Unusable, DoesNotFit) as error:
        sys.stderr.write(f"mutations: {error}\n")
        return 2
    sys.stdout.write(f"{results.count(True)} of {len(results)} breakages caught\n")
    return 0 if all(results) else 1


def expect_green(breakages: Sequence[Breakage]) -> None:
    """Run the tests on the code as it is: what is red already notices nothing."""
    with tempfile.TemporaryDirectory() as folder:
        tested = run(copy_to(Path(folder)), *PYTEST, *sorted({breakage.noticed_by for breakage in breakages}))
    if tested.returncode != PASSED:
        raise Unusable(f"the tests are not green on unbroken code\n{tested.stdout}{tested.stderr}")


def report(breakage: Breakage) -> bool:
    """Say in one line whether a breakage was caught, and in how many seconds."""
    begun = time.monotonic()
    caught = is_caught(breakage)
    word = "caught" if caught else "MISSED"
    sys.stdout.write(f"{word}  {time.monotonic() - begun:5.1f} s  {breakage.name}\n")
    sys.stdout.flush()
    return caught


def is_caught(breakage: Breakage) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        tree = copy_to(Path(folder))
        for edit in breakage.edits:
            edit.apply(tree)
        tested = run(tree, *PYTEST, *schema_of(breakage), breakage.noticed_by)
    if tested.returncode == PASSED:
        return False
    # A test that fails is a breakage noticed; one that cannot be found, set up or imported is not.
    if tested.returncode != FAILED or not re.search(r"\b[1-9]\d* failed\b", tested.stdout):
        raise Unusable(f"{breakage.name}: pytest ended with {tested.returncode}\n{tested.stdout}{tested.stderr}")
    return True


def schema_of(breakage: Breakage) -> Sequence[str]:
    """Make the tables from the models, which is quicker, unless a migration is what is broken."""
    return () if any("/migrations/" in edit.file for edit in breakage.edits) else ("--no-migrations",)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
