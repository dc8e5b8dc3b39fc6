"""Let a person in: there is no sign-up, so somebody who may names them."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.db import transaction

from .models import User


@transaction.atomic
def enrol(email: str, *, name: str = "", language: str = "en") -> User:
    """
    Make a person who signs in with a code mailed to the address; nothing is sent now.

    There is no password, and the address counts as verified: only who reads its mail
    gets in.
    """
    user = User.objects.create_user(email, name=name, language=language)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user
