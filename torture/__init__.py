"""Doing the worst to a running FinTrack, and proving that nothing was lost: ``python -m torture --help``."""
