"""Secrets as a service declares them: each side in its own way."""

from pathlib import Path

LAMBDA_LEVEL = "          LOG_LEVEL: INFO\n"
LAMBDA_SECRETS = {
    "DATABASE_PASSWORD": "!Sub '{{resolve:secretsmanager:${AppName}/${EnvName}/database}}'",
    "API_KEY": "'{{resolve:ssm:/portable-api/api-key}}'",
}
FARGATE_SECRETS = """\
secrets:
  DATABASE_PASSWORD:
    secretsmanager: ${COPILOT_APPLICATION_NAME}/${COPILOT_ENVIRONMENT_NAME}/database
  API_KEY: /portable-api/api-key
"""


def declare(folder: Path, lambda_secrets: dict[str, str], fargate_secrets: str) -> None:
    """Add the secrets to the manifests below `folder`."""
    template = folder / "template.yaml"
    lines = "".join(f"          {name}: {value}\n" for name, value in lambda_secrets.items())
    text = template.read_text()
    assert LAMBDA_LEVEL in text
    template.write_text(text.replace(LAMBDA_LEVEL, LAMBDA_LEVEL + lines))
    manifest = folder / "copilot/api/manifest.yml"
    text = manifest.read_text()
    assert "\nvariables:\n" in text
    manifest.write_text(text.replace("\nvariables:\n", f"\n{fargate_secrets}variables:\n"))
