"""The floor for an app that is written with FastAPI: the constant handler, and the import."""

import fastapi  # noqa: F401
from constant import handler  # noqa: F401
