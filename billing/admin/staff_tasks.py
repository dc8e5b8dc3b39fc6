"""What a person must look at: taken by a name, and done when that name says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .. import clock
from ..models import StaffTask, User
from ..staffing import AlreadyDone, AlreadyTaken, finish, take
from .showing import Kept


@admin.register(StaffTask)
class StaffTaskAdmin(Kept):
    list_display = ["__str__", "account", "payment", "opened_at", "due_at", "taken_by", "done_at"]
    list_select_related = ["account", "payment", "taken_by"]
    list_filter = [("done_at", admin.EmptyFieldListFilter), "kind", "due_at"]
    search_fields = ["^key", "^account__reference", "account__legal_name", "^payment__reference", "taken_by__email"]
    actions = ["take", "done"]

    @admin.action(description=_("Take"), permissions=["act"])
    def take(self, request: HttpRequest, tasks: QuerySet[StaffTask]) -> None:
        user = cast("User", request.user)
        self._all(request, tasks, lambda task: take(task, by=user), act="took the task")

    @admin.action(description=_("Done"), permissions=["act"])
    def done(self, request: HttpRequest, tasks: QuerySet[StaffTask]) -> None:
        user = cast("User", request.user)
        self._all(request, tasks, lambda task: finish(task, by=user, at=clock.now()), act="said that it is done")

    def _all(
        self, request: HttpRequest, tasks: QuerySet[StaffTask], do: Callable[[StaffTask], StaffTask], *, act: str
    ) -> None:
        for task in self.each(request, tasks, act=act):
            try:
                do(task)
            except AlreadyTaken:
                messages.warning(request, _("%(task)s: %(person)s has it.") % {"task": task, "person": task.taken_by})
            except AlreadyDone:
                messages.info(request, _("%(task)s: done already.") % {"task": task})
