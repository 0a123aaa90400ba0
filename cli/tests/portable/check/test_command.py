"""The command itself, on the manifests of this repository and on spoilt ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

PORTABLE = Path(sys.executable).with_name("portable")
ORDER = [
    *("names", "samconfig.toml", "manifests", "variables", "secrets", "tracing", "alarms"),
    *("copilot", "docker", "base image"),
    *("sam validate", "copilot package", "cfn-lint", "imports", "rights"),
]


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [PORTABLE, "check", *arguments]
    # Where CI is true, an engine without buildx is a fault: test_docker.py has that. And the engine
    # of this machine may have a stand-in of the base image: test_base_image.py has that.
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment["PORTABLE_STAND_IN"] = "allowed"
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def test_all_is_well_in_a_project_that_is_ready(copy):
    done = check(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ORDER:
        assert f" {name} " in done.stdout
    assert "✘" not in done.stdout
    assert "15 checks: 0 faults, " in done.stdout
    assert "environments prod, test" in done.stdout


def test_this_repository_leaves_one_choice_for_prod(root):
    done = check(root, "--json")
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    assert result["faults"] == 1
    (fault,) = (
        problem
        for one in result["checks"]
        for problem in one["problems"]
        if problem["severity"] == "fault"
    )
    assert "[alb-prod.deploy.parameters.parameter_overrides]" in fault["text"]
    assert "CertificateArn is empty, set it, or AllowPlainHttp to enabled." in fault["text"]


def test_each_fault_is_in_the_table_with_its_fix(copy, change):
    change("template.yaml", "Timeout: 30", "Timeout: 90")
    change("copilot/api/manifest.yml", "LOG_LEVEL: INFO", "LOG_LEVEL: DEBUG")
    change("copilot/api/overrides/cfn.patches.yml", "/EnvControllerFunction/", "/Gone/")
    done = check(copy, "--env", "test", "--json")
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    assert result["environments"] == ["test"]
    assert result["faults"] == 3
    checks = {one["check"]: one for one in result["checks"]}
    assert list(checks) == ORDER
    failed = [name for name, one in checks.items() if one["status"] == "failed"]
    assert failed == ["manifests", "variables", "copilot package"]
    assert checks["imports"]["status"] == "skipped"
    (problem,) = checks["variables"]["problems"]
    assert problem["severity"] == "fault"
    assert "LOG_LEVEL is 'INFO'" in problem["text"] and "pyproject.toml" in problem["fix"]


def test_a_file_that_cannot_be_read_is_a_fault_of_each_that_reads_it(copy, change):
    change("samconfig.toml", "version = 0.1", "version = ")
    done = check(copy, "--env", "test")
    assert done.returncode == 1
    assert "is not TOML" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_an_environment_that_is_not_there(copy):
    done = check(copy, "--env", "staging")
    assert done.returncode == 1
    text = " ".join(done.stdout.split())
    assert "There is no copilot/environments/staging/manifest.yml" in text
    assert "copilot env init --name staging" in text


def test_a_folder_without_manifests(tmp_path):
    done = check(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("portable: there is no template.yaml in ")
    assert done.stdout == ""
