"""The checks that need no account."""

from concurrent.futures import ThreadPoolExecutor

from portable.check.base_image import base_image
from portable.check.docker import docker
from portable.check.lint import cfn_lint, sam_validate
from portable.check.manifests import manifests, secrets, variables
from portable.check.names import names
from portable.check.outcome import Outcome, Status, outcome, skipped
from portable.check.project import Project
from portable.check.published import copilot
from portable.check.rendering import copilot_package
from portable.check.rights import rights
from portable.check.samconfig import samconfig, topics
from portable.check.stacks import unknown_imports
from portable.check.tracing import tracing
from portable.manifests.problem import Severity


def static(project: Project, docker_lost: Severity = Severity.WARNING) -> list[Outcome]:
    """Run every check that needs no account. The slow ones run beside the others.

    `docker_lost` says how bad it is when no engine answers.
    """
    with ThreadPoolExecutor(2) as pool:
        validated = pool.submit(outcome, "sam validate", "template.yaml", sam_validate, project)
        rendered = pool.submit(_rendered, project)
        # These read one after the other what the project holds, and take no second together.
        quick = [
            outcome("names", f"environments {', '.join(project.environments)}", names, project),
            outcome("samconfig.toml", "sections, parameters, options", samconfig, project),
            outcome("manifests", "ports, paths, time limits", manifests, project),
            outcome("variables", "both sides have the same", variables, project),
            outcome("secrets", "both sides have the same", secrets, project),
            outcome("tracing", "what it needs is there", tracing, project),
            outcome("alarms", "somebody is told", topics, project),
            outcome("copilot", "AWS's own file", copilot, project),
            outcome("docker", "engine, buildx", lambda _: docker(docker_lost), project),
            outcome("base image", "no stand-in", base_image, project),
        ]
        return [*quick, validated.result(), *rendered.result()]


def _rendered(project: Project) -> list[Outcome]:
    """Render with Copilot, and look at what it made."""
    package = outcome("copilot package", "manifests, patches", copilot_package, project)
    lint = outcome("cfn-lint", "our templates and the rendered ones", cfn_lint, project)
    imports, allowed = skipped("imports"), skipped("rights")
    if package.status is Status.PASSED:
        imports = outcome("imports", "each is exported by a stack", unknown_imports, project)
        allowed = outcome("rights", "both rendered roles have the same", rights, project)
    return [package, lint, imports, allowed]
