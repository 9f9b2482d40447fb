"""The program's own settings, with one route more: /select-1, behind the same middleware, sign-in and base class."""

from fintrack.settings import *  # noqa: F403  # the settings are the program's

ROOT_URLCONF = "probe_urls"
