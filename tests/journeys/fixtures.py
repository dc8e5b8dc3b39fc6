"""The real pieces that a journey goes through: live server, mail server, and the gateway's process."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from billing import clock
from billing.gateways.sandbox import Engine
from tests.conftest import assert_money_ok
from tests.factories import ZONE
from tests.mailbox import Mailbox, mailbox

from . import gateway
from .world import World

__all__ = ["begin", "mailbox", "refused", "world"]

# Stops fall on days with help at hand: in the unluckiest month the last one is day 27.
DAYS_TO_A_STOP = 28


@pytest.fixture
def begin(
    live_server: LiveServer, mailbox: Mailbox, sandbox: Engine, settings: Any
) -> Iterator[Callable[[int], World]]:
    """Return what opens the world whose first invoices fall due some days ago; its money must be right in the end."""
    settings.BASE_URL = live_server.url
    worlds: list[World] = []

    def opened(days_ago: int) -> World:
        first = clock.local_date(clock.now(), ZONE) - dt.timedelta(days=days_ago)
        worlds.append(World(address=live_server.url, engine=sandbox, mailbox=mailbox, first=first))
        return worlds[-1]

    with gateway.serving(sandbox, settings):
        yield opened
        for world in worlds:
            world.close()
        assert_money_ok(sandbox)


@pytest.fixture
def world(begin: Callable[[int], World]) -> World:
    """The world before the first night, far enough back for services to stop by today."""
    return begin(DAYS_TO_A_STOP)


@pytest.fixture
def refused(begin: Callable[[int], World]) -> World:
    """The world after the night in which both charges were refused: yesterday."""
    world = begin(1)
    world.run_on(world.first)
    return world
