"""The settings of the tests: development, and passwords that are quick to check (Argon2 is slow on purpose)."""

import os

os.environ.setdefault("DEBUG_DEFAULT", "on")

from fintrack.settings import *  # noqa: F403
from fintrack.settings import PASSWORD_HASHERS

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *PASSWORD_HASHERS]
