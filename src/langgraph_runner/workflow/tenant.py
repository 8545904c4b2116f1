"""The tenant of runs whose caller names none. A module of its own, so that the command line loads nothing for it."""

from typing import Final

__all__ = ["DEFAULT_TENANT"]

DEFAULT_TENANT: Final = "default"
