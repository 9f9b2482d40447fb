"""The program's own settings, with two routes more: `SELECT 1` behind the sign-in of the API, and of the desk."""

import os

from fintrack.settings import *  # noqa: F403  # the settings are the program's

ROOT_URLCONF = "probe_urls"
STATIC_ROOT = os.environ.get("PROBE_STATIC_ROOT", STATIC_ROOT)  # noqa: F405  # where a benchmark collects them
