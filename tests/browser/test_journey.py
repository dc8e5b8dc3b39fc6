"""The journey of the mission in a real browser, with JavaScript and without."""

from __future__ import annotations

import pytest

from tests.journeys import steps


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_declined_card_is_put_right_by_a_new_card_that_pays_everything(world, open_tab, javascript):
    other = world.add_neighbours()
    world.pass_from(0)
    person = open_tab(java_script_enabled=javascript)

    steps.follow_the_mail(world, person)
    steps.choose_an_account(world, other, person)
    steps.read_the_overview(world, person)
    steps.change_the_card(person, steps.GOOD_CARD)
    steps.see_everything_paid(world, person)
    steps.see_that_all_is_well(world, person)
    steps.see_the_receipts(world)
    steps.read_the_timeline(world, person)
