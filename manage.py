#!/usr/bin/env python
"""The command line of a checkout: development settings unless the environment says otherwise."""

import os
import sys


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fintrack.settings")
    os.environ.setdefault("DEBUG_DEFAULT", "on")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
