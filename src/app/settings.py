"""The settings of the app: environment variables, read once when a target starts."""

from portable_runtime.settings import BaseSettings


class Settings(BaseSettings):
    """Add yours here, as in `database_url: SecretStr`, which is read from `DATABASE_URL`."""

    api_docs: bool = True  # whether /docs, /redoc and /openapi.json are there
    items_table: str = ""  # without one, /items answers 503
    app_secret: str = ""  # its name or ARN
