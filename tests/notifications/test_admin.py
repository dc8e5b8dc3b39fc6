from __future__ import annotations

import pytest
from django.urls import reverse

from notifications import dispatching
from notifications.models import Delivery, DeliveryState
from tests.factories import UserFactory


@pytest.fixture
def staff(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def test_staff_see_what_was_sent_and_can_change_none_of_it(refused, staff):
    dispatching.dispatch(at=refused.at)
    mail = Delivery.objects.first()

    listed = staff.get(reverse("admin:notifications_delivery_changelist"))
    shown = staff.get(reverse("admin:notifications_delivery_change", args=[mail.pk]))

    assert "first@contoso.example" in listed.content.decode()
    assert mail.message_id.strip("<>") in shown.content.decode()
    assert b'name="recipient"' not in shown.content
    assert staff.get(reverse("admin:notifications_delivery_add")).status_code == 403


@pytest.mark.parametrize(
    ("before", "action", "after"), [("failed", "retry", "queued"), ("queued", "cancel", "canceled")]
)
def test_staff_send_again_or_take_out_of_the_queue(refused, staff, before, action, after):
    dispatching.dispatch(at=refused.at)
    Delivery.objects.update(state=before)

    chosen = {"action": action, "_selected_action": list(Delivery.objects.values_list("pk", flat=True))}
    answer = staff.post(reverse("admin:notifications_delivery_changelist"), chosen, follow=True)

    assert "1 mail changed." in answer.content.decode()
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState(after)}
