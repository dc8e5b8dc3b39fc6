#!/usr/bin/env python
"""Run a management command; bad settings are one line on stderr and exit code 2."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"paidup: settings: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
