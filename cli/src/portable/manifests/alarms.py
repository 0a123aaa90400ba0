"""The alarms of the system, from alb/alarms.yaml."""

from pathlib import Path
from typing import Any

from portable.manifests.cloudformation import render
from portable.manifests.samconfig import SAMCONFIG, deploy_parameters
from portable.manifests.template import read_template

ALARMS = "alb/alarms.yaml"
ALIAS = "arn:aws:lambda:us-east-1:000000000000:function:function:live"


def alarms(root: Path, environment: str, failover: bool) -> dict[str, dict[str, Any]]:
    """Return the resources of alb/alarms.yaml below `root` for `environment`, rendered.

    `failover` enables it, whatever samconfig.toml says. Raises `PortableError` for a template or
    a parameter that is missing or refused.
    """
    parameters = deploy_parameters(root / SAMCONFIG, ALARMS, environment)
    if failover:
        parameters["Failover"] = "enabled"
    application = parameters.get("AppName") or _default_name(root)
    imports = {f"{application}-{environment}-FunctionAlias": ALIAS}
    resources: dict[str, dict[str, Any]] = render(root / ALARMS, parameters, imports)["Resources"]
    return resources


def _default_name(root: Path) -> str:
    parameters = read_template(root, ALARMS).get("Parameters") or {}
    return str((parameters.get("AppName") or {}).get("Default"))
