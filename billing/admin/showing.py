"""
How the admin shows rows: amounts as people write them, and rows of money for reading only.

Every amount and every rate of a model gets a companion named ``<field>_shown``, to be
used in lists and forms in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin
from django.db.models import BigIntegerField, Field, Model, QuerySet
from django.http import HttpRequest

from .. import clock
from ..money import Money
from ..written import amount, percent

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline

Row = TypeVar("Row", bound=Model)

PATIENCE = timedelta(seconds=10)


def is_amount(field: Field[Any, Any]) -> bool:
    return isinstance(field, BigIntegerField) and not field.primary_key


def is_rate(field: Field[Any, Any]) -> bool:
    return field.name == "tax_rate"


def shown_name(field: Field[Any, Any]) -> str:
    """Return the name under which lists and forms show the field."""
    return f"{field.name}_shown" if is_amount(field) or is_rate(field) else field.name


def _shown(field: Field[Any, Any]) -> Callable[[Any], str | None]:
    @admin.display(description=field.verbose_name, ordering=field.name)
    def shown(row: Any) -> str | None:
        number = getattr(row, field.name)
        if number is None:
            return None
        return percent(number) if is_rate(field) else amount(Money(number, _currency(row, field)))

    return shown


def _currency(row: Any, field: Field[Any, Any]) -> str:
    if field.name == "tax_in_seller_currency":
        return str(row.tax_currency)
    if hasattr(row, "currency"):
        return str(row.currency)
    about = next(getattr(row, name) for name in ("invoice", "payment", "credit_note") if getattr(row, name, None))
    return str(about.currency)


class NumbersShown:
    """Gives each amount and rate of the model its ``<field>_shown``."""

    model: type[Model]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        for field in self.model._meta.fields:
            if shown_name(field) != field.name:
                setattr(self, shown_name(field), _shown(field))


class Shown(NumbersShown, ModelAdmin):
    """A list that stays quick however long it gets; nothing is deleted, and only what was edited is written."""

    list_per_page = 50
    list_max_show_all = 50
    show_full_result_count = False
    ordering = ["-pk"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A NUL is in no row; PostgreSQL does not even take the question."""
        if "\0" in search_term:
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        if change:
            # A job may have changed the rest since the form was opened.
            obj.save(update_fields=[field.name for field in obj._meta.fields if field.name in form.changed_data])
        else:
            super().save_model(request, obj, form, change)


class Kept(Shown):
    """Rows that jobs and pages write: staff read them, and may run acts on them, never edit."""

    hidden: tuple[str, ...] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Acts are for who has the permission to change, though nobody may edit."""
        return super().has_change_permission(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        names = [shown_name(field) for field in self.opts.fields if field.name not in self.hidden]
        return [name for name in names if name != self.opts.pk.name]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    def each(self, request: HttpRequest, rows: QuerySet[Row], *, act: str) -> Iterator[Row]:
        """
        Yield rows to act on, each after noting who asked for the act.

        Stops when the reader has waited long enough: the gateway may be slow.
        """
        until = clock.now() + PATIENCE
        for row in list(rows):
            if clock.now() > until:
                return
            self.log_change(request, row, act)
            yield row


class Part(Kept):
    """Rows that are read with the row they belong to; they have pages, but no place in the menu."""

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        return {}


class KeptInline(NumbersShown, TabularInline):
    """Rows of another table, to read."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields or ()
