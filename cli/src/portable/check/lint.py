"""What `sam validate --lint` and cfn-lint say about the templates, ours and Copilot's."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from portable.check.project import Project
from portable.check.tools import run, tool
from portable.errors import PortableError
from portable.manifests.problem import Problem, Severity
from portable.manifests.system import SAM

# Errors in Copilot's own part of a template, by rule and resource: this listener comes with a load
# balancer of Copilot's, and so never here.
COPILOTS_OWN = {("E3676", "InternalHTTPSListener")}


def sam_validate(project: Project) -> Iterator[Problem]:
    """Yield what `sam validate --lint` says about the template of the function."""
    # It wants a region, though it asks nobody.
    variables = {"AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0", **os.environ}
    command = [tool("sam"), "validate", "--lint", "--template-file", SAM]
    done = run(command, project.root, variables)
    if done.returncode:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        lines = [" ".join(line.split()) for line in plain.splitlines() if line.strip()]
        findings = [line for line in lines if re.match(r"\[*[EW]\d{4}", line)]
        for line in findings or lines[-1:]:
            yield Problem(f"`sam validate --lint`: {line.strip('[]').rstrip('.')}.")


def cfn_lint(project: Project) -> Iterator[Problem]:
    """Yield what cfn-lint finds: everything in our own templates, errors in Copilot's."""
    rendered = sorted(map(str, project.rendered.glob("*.yml")))
    command = [tool("cfn-lint"), "--format", "json", "--"]
    done = run([*command, *project.templates, *rendered], project.root, os.environ)
    try:
        findings = json.loads(done.stdout)
    except ValueError:
        reason = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise PortableError(f"cfn-lint fails: {reason}") from None
    for finding in findings:
        path, rule = finding["Filename"], finding["Rule"]["Id"]
        severity = Severity.FAULT if rule.startswith("E") else Severity.WARNING
        where = [str(key) for key in finding["Location"]["Path"] or []]
        if path in rendered:
            if severity is Severity.WARNING or (rule, "".join(where[1:2])) in COPILOTS_OWN:
                continue
            path = f"{Path(path).name} (as Copilot renders it)"
        place = ".".join(where) or f"line {finding['Location']['Start']['LineNumber']}"
        message = finding["Message"].rstrip(".")
        yield Problem(f"{path}: {place}: {message} ({rule}).", severity=severity)
