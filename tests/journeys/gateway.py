"""The sandbox gateway as a process of its own, and its own record of what it charged."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from billing.gateways.sandbox import Engine
from billing.gateways.sandbox.charges import Charge

ANNOUNCED = "Sandbox gateway at "


@contextmanager
def serving(engine: Engine, settings: Any) -> Iterator[str]:
    """Run the gateway beside the tests, over the file of ``engine``, and let the portal reach it over HTTP."""
    command = [sys.executable, "-m", "billing.gateways.sandbox", "serve"]
    options = ["--port", "0", "--file", settings.SANDBOX_FILE, "--secret", settings.SANDBOX_SECRET]
    with subprocess.Popen(
        [*command, *options], cwd=settings.BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(ANNOUNCED), f"the gateway did not start: {line!r}"
            address = line.removeprefix(ANNOUNCED).strip()
            settings.SANDBOX_URL = address
            settings.CONTENT_SECURITY_POLICY = _leading_to(address, settings.CONTENT_SECURITY_POLICY)
            yield address
        finally:
            process.kill()


def _leading_to(address: str, policy: dict[str, Any]) -> dict[str, Any]:
    """Return the policy with the gateway's origin among those that forms may lead to."""
    changed = copy.deepcopy(policy)
    changed["DIRECTIVES"]["form-action"].append(address)
    return changed


def charged(engine: Engine) -> list[tuple[str, int, str]]:
    """Return what the gateway has really charged: seller, amount and currency of each charge, in order of seller."""
    return sorted((charge.description, charge.amount, charge.currency) for charge in succeeded(engine))


def succeeded(engine: Engine) -> list[Charge]:
    return [charge for charge in engine.charges() if charge.status == "succeeded"]
