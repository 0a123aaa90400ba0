"""The settings of the app: environment variables, read once when a target starts."""

from portable_runtime.settings import BaseSettings


class Settings(BaseSettings):
    """Add yours here, as in `table_name: str`: the variable of the same name in upper case."""
