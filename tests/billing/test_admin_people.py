"""Staff cannot leave an account without somebody who may do everything."""

from __future__ import annotations

import pytest

from billing.admin.forms import PersonForm
from billing.models import Role
from tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db


def test_the_last_administrator_of_an_account_stays_active():
    membership = MembershipFactory()

    form = PersonForm({"email": membership.user.email}, instance=membership.user)

    assert form.errors["is_active"] == ["An account keeps at least one administrator."]


def test_one_of_two_administrators_may_go():
    membership = MembershipFactory()
    MembershipFactory(account=membership.account)

    form = PersonForm({"email": membership.user.email}, instance=membership.user)

    assert "is_active" not in form.errors


def test_a_viewer_may_go():
    membership = MembershipFactory(role=Role.VIEWER)

    form = PersonForm({"email": membership.user.email}, instance=membership.user)

    assert "is_active" not in form.errors
