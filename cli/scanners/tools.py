"""How each scanner is run, and how its answer is read.

None of them may ask a network for anything but pip-audit, whose database is one.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from scanners.finding import Finding
from scanners.templates import render

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt", "cli/requirements-dev.txt")


class NoAnswer(Exception):
    """A scanner did not do its work: the text says why."""


def _run(name: str, *arguments: str | Path, cwd: Path = ROOT) -> str:
    """Return what a scanner writes; it is in an environment of its own, and ruff in ours."""
    command = Path(__file__).parent / ".venv" / name / "bin" / name
    if name == "ruff":
        command = Path(sys.executable).with_name(name)
    done = subprocess.run(
        [command, *arguments], cwd=cwd, capture_output=True, text=True, timeout=600
    )
    if done.returncode not in (0, 1) or not done.stdout.strip():
        raise NoAnswer(f"{name} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def checkov(folder: Path) -> Iterator[Finding]:
    """Yield what is wrong in the templates, all conditions of ours true, and the Dockerfile."""
    render(ROOT, folder)
    flags = ("--framework", "cloudformation", "dockerfile", "--skip-download", "--quiet")
    answers = json.loads(_run("checkov", "-d", folder, *flags, "-o", "json", cwd=folder))
    kinds = {answer["check_type"] for answer in answers}
    if kinds != {"cloudformation", "dockerfile"}:
        raise NoAnswer(f"checkov looked at {kinds} only.")
    for answer in answers:
        if answer["summary"]["parsing_errors"]:
            raise NoAnswer(f"checkov cannot parse {answer['results']['parsing_errors']}.")
        for check in answer["results"]["failed_checks"]:
            resource = check["resource"].rpartition(".")[2]
            where = f"{check['file_path'].lstrip('/')}:{resource}".rstrip(":")
            yield Finding("checkov", check["check_id"], where, check["check_name"])


def hadolint(folder: Path) -> Iterator[Finding]:
    """Yield what is wrong in the Dockerfile."""
    for found in json.loads(_run("hadolint", "--format", "json", "Dockerfile")):
        yield Finding("hadolint", found["code"], found["file"], found["message"])


def ruff(folder: Path) -> Iterator[Finding]:
    """Yield what the rules of bandit, ruff's S, find in all Python."""
    flags = ("--select", "S", "--output-format", "json", "--exit-zero", ".")
    for found in json.loads(_run("ruff", "check", *flags)):
        where = Path(found["filename"]).relative_to(ROOT).as_posix()
        yield Finding("ruff", found["code"], where, found["message"])


def detect_secrets(folder: Path) -> Iterator[Finding]:
    """Yield what looks like a secret in what git has, but for the hashes of the locks."""
    # Without this it tries on the services themselves whether they take what it found.
    flags = ("--no-verify", "--exclude-lines", r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
    for where, all_found in json.loads(_run("detect-secrets", "scan", *flags))["results"].items():
        for found in all_found:
            text = f"line {found['line_number']} looks like a secret"
            yield Finding("detect-secrets", found["type"], where, text)


def pip_audit(folder: Path) -> Iterator[Finding]:
    """Yield the known vulnerabilities of what is locked; raise `NoAnswer` without the database."""
    for lock in LOCKS:
        flags = ("--require-hashes", "--disable-pip", "--format", "json")
        packages = json.loads(_run("pip-audit", "-r", lock, *flags))["dependencies"]
        for package in packages:
            for found in package.get("vulns", []):
                text = (
                    f"{package['version']}, mended in {', '.join(found['fix_versions']) or 'none'}"
                )
                yield Finding("pip-audit", found["id"], f"{lock}:{package['name']}", text)
        unknown = [package["name"] for package in packages if "skip_reason" in package]
        if unknown:
            raise NoAnswer(f"pip-audit: no data on {len(unknown)} of {len(packages)} in {lock}.")


Scan = Callable[[Path], Iterator[Finding]]
# The two that take seconds first, so that they run beside each other.
ALL: dict[str, Scan] = {
    "checkov": checkov,
    "detect-secrets": detect_secrets,
    "hadolint": hadolint,
    "ruff": ruff,
    "pip-audit": pip_audit,
}
# What needs a network that not every machine has: its silence is said, and no fault.
OPTIONAL = {"pip-audit"}
