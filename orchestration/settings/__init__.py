"""One typed settings object, read from the environment once and checked whole."""

from orchestration.settings.doubts import misspelt, undeclared
from orchestration.settings.fields import Seconds, check_store
from orchestration.settings.loading import load, origins
from orchestration.settings.model import Settings

__all__ = ["Seconds", "Settings", "check_store", "load", "misspelt", "origins", "undeclared"]
