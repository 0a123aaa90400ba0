"""`portable cost`, as a user calls it in this repository."""

import contextlib
import io
import json
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

import pytest

from portable.commands.cost import cost


@pytest.fixture(autouse=True)
def here(root, monkeypatch):
    monkeypatch.chdir(root)


class Result(NamedTuple):
    exit_code: int
    stdout: str
    stderr: str


def run(*arguments: str) -> Result:
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as exit_,
    ):
        cost.main(arguments, "portable cost")
    return Result(exit_.value.code, out.getvalue(), err.getvalue())


def data(*arguments: str) -> dict:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refusal(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    message = result.stderr
    assert message.startswith("portable: ")
    assert message.endswith(".\n")
    assert message.count("\n") == 1
    return message


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_example():
    result = run("--rps", "20", "--ms", "40", "--memory", "1024")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
    lines = result.stdout.splitlines()
    assert max(len(line) for line in lines) <= 96
    assert all(line == line.rstrip() for line in lines)
    assert re.search(r"^Total +74\.08 +186\.46 +209\.36 +232\.14 +186\.59$", result.stdout, re.M)
    assert re.search(r"^  NAT gateways +65\.70 +65\.70 +65\.70 +65\.70$", result.stdout, re.M)
    assert re.search(r"^Tasks that run +2 +2 +2 +2$", result.stdout, re.M)
    text = flat(result.stdout)
    assert "At 20 requests per second Lambda alone is the cheaper one: $112.38 a month" in text
    assert "Break-even: 97.3 requests per second." in text
    assert "if it only waits, the break-even is 69.3." in text
    assert "2 tasks run anyway, also at weight 0, enough for 60.5 requests per second" in text
    assert "▲ --rps 20" in text
    assert "▲ break-even 97.3" in text
    assert "30.2 requests per second of 23.2 ms CPU each (the most that 40 ms with 1024" in text
    assert "each of 2 nodes of the ALB checks health every 35 s" in text
    assert "Logs: 1 kB for each request would be $26.28" in text


def test_the_defaults_are_those_of_the_manifests():
    given = ("--ms", "40", "--memory", "1024", "--vcpu", "1", "--task-memory", "4096")
    assert run("--rps", "20").stdout == run("--rps", "20", *given, "--env", "test").stdout


def test_json_has_what_is_printed():
    answer = data("--rps", "20")
    assert answer["bills"]["Lambda alone"]["total"] == pytest.approx(74.0792, abs=0.005)
    assert answer["bills"]["Fargate alone"]["tasks"] == 2
    assert list(answer["bills"])[2:] == ["both, 50/50", "both, 100/0", "both, 0/100"]
    assert answer["break_even"]["last"] == pytest.approx(97.35, abs=0.01)
    assert answer["prices"]["lambda_gb_second_x86"]["value"][1] == [6e9, 0.000015]
    for part in (*answer["answers"], *answer["assumptions"], *answer["not_counted"]):
        assert part.endswith(".")
        assert part[:70] in flat(run("--rps", "20").stdout)


def test_the_split_is_that_of_the_environment(root, tmp_path, monkeypatch):
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(root / name, tmp_path)
    for name in ("alb", "copilot", "data"):
        shutil.copytree(root / name, tmp_path / name)
    config = tmp_path / "samconfig.toml"
    before, after = config.read_text().split("[alb-prod.deploy.parameters.parameter_overrides]")
    changed = after.replace("LambdaWeight = 50", "LambdaWeight = 150")
    assert changed != after
    config.write_text(f"{before}[alb-prod.deploy.parameters.parameter_overrides]{changed}")
    monkeypatch.chdir(tmp_path)
    assert "both, 75/25" in data("--rps", "20", "--env", "prod")["bills"]
    assert "both, 50/50" in data("--rps", "20")["bills"]
    config.write_text(config.read_text().replace("FargateWeight = 50", "FargateWeight = 0"))
    assert list(data("--rps", "20")["bills"])[2:] == ["both, 100/0", "both, 0/100"]


def test_too_few_tasks_in_the_manifest_are_said():
    text = flat(run("--rps", "500").stdout)
    assert "Fargate alone needs 17 tasks and the Copilot manifest allows 4" in text
    assert "count.range.max" in text
    assert "count.range.max" not in run("--rps", "500", "--cpu-ms", "2").stdout


def test_the_capacity_of_a_task():
    assert data("--rps", "1", "--cpu-ms", "7")["fargate"]["task_rps"] == pytest.approx(100)
    assert data("--rps", "1", "--task-rps", "42")["fargate"]["task_rps"] == 42
    large = data("--rps", "1", "--cpu-ms", "7", "--vcpu", "4", "--task-memory", "8192")
    assert large["fargate"]["task_rps"] == pytest.approx(100)
    assert any("one process" in line for line in large["assumptions"])


def test_a_given_capacity_leaves_no_range():
    assert "if it only waits" in flat(run("--rps", "1").stdout)
    for option in ("--cpu-ms", "--task-rps"):
        assert "if it only waits" not in flat(run("--rps", "1", option, "20").stdout)


def test_memory_changes_lambda_and_what_a_task_carries():
    small, large = data("--rps", "20"), data("--rps", "20", "--memory", "2048")
    assert large["lambda"]["memory"] == 2048
    ratio = [x["bills"]["Lambda alone"]["lines"][1]["usd"] for x in (large, small)]
    assert ratio[0] == pytest.approx(2 * ratio[1])
    assert large["fargate"]["task_rps"] == pytest.approx(700 / 40)  # one whole vCPU


@pytest.mark.parametrize(
    ("option", "title", "dearer"),
    [
        (("--spot",), "Fargate alone", False),
        (("--arm",), "Fargate alone", False),
        (("--arm",), "Lambda alone", False),
        (("--free-tier",), "Lambda alone", False),
        (("--kb", "100"), "Lambda alone", True),
        (("--vcpu", "2"), "Fargate alone", True),
        (("--busy-hours", "2"), "Fargate alone", True),
    ],
)
def test_options_change_the_bill(option, title, dearer):
    before, after = (data("--rps", "20", *more)["bills"][title]["total"] for more in ((), option))
    assert after > before if dearer else after < before


def test_no_spot_is_dearer_from_three_tasks_on():
    mixed, none = (
        data("--rps", "70", *more)["bills"]["Fargate alone"] for more in ((), ("--no-spot",))
    )
    assert mixed["tasks"] == none["tasks"] == 3
    assert none["total"] - mixed["total"] == pytest.approx(42.5298 / 2)  # one of three on Spot


def test_prices_of_the_user(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[nat_hour]\nvalue = 0\n")
    base, mine = data("--rps", "20"), data("--rps", "20", "--prices", str(path))
    totals = [answer["bills"]["Fargate alone"]["total"] for answer in (base, mine)]
    assert totals[0] - totals[1] == pytest.approx(65.70)
    assert mine["break_even"]["last"] < base["break_even"]["last"]
    assert "From your file: nat_hour." in run("--rps", "20", "--prices", str(path)).stdout
    path.write_text("[nat]\nvalue = 0\n")
    assert "there is no price 'nat', expected one of " in refusal(
        "--rps", "1", "--prices", str(path)
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--rps", "0"), "--rps is '0', expected a number from 0.001 to 1,000,000."),
        (("--rps", "-3"), "--rps is '-3', expected"),
        (("--rps", "nan"), "--rps is 'nan', expected"),
        (("--rps", "many"), "--rps is 'many', expected"),
        (("--rps", "1", "--ms", "0"), "--ms is '0', expected a number from 0.01 to 900,000."),
        (("--rps", "1", "--ms", "900001"), "--ms is '900001', expected"),
        (
            ("--rps", "1", "--memory", "64"),
            "--memory is '64', expected a whole number from 128 to 10,240.",
        ),
        (("--rps", "1", "--memory", "10241"), "--memory is '10241', expected"),
        (("--rps", "1", "--memory", "1024.5"), "--memory is '1024.5', expected a whole number"),
        (("--rps", "1", "--cpu-ms", "0"), "--cpu-ms is '0', expected"),
        (("--rps", "1", "--task-rps", "inf"), "--task-rps is 'inf', expected"),
        (("--rps", "1", "--cpu-ms", "5", "--task-rps", "5"), "exclude each other"),
        (
            ("--rps", "1", "--vcpu", "3"),
            "--vcpu and --task-memory: Fargate has no task of 3 vCPU, only of 0.25, 0.5, 1, 2, ",
        ),
        (
            ("--rps", "1", "--task-memory", "1024"),
            "a task of 1 vCPU cannot have 1024 MiB, only 2048, 3072, 4096 and on in steps of",
        ),
        (("--rps", "1", "--busy-hours", "25"), "--busy-hours is '25', expected a number from 1 "),
        (("--rps", "1", "--kb", "-1"), "--kb is '-1', expected a number from 0 to 1,000,000."),
        (("--rps", "1", "--env", "stage"), "not to 'stage'."),
        (("--rps", "1", "--prices", "none.toml"), "cannot read none.toml: No such file"),
    ],
)
def test_refusals(arguments, expected):
    assert expected in refusal(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--rps", "1000000", "--ms", "900000", "--memory", "10240", "--kb", "1000000"),
        ("--rps", "0.001", "--ms", "0.01", "--memory", "128"),
        ("--rps", "1000000", "--task-rps", "0.001", "--busy-hours", "1"),
        ("--rps", "0.001", "--task-rps", "1000000"),
    ],
)
def test_extremes_are_answered(arguments):
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Break-even" in result.stdout


def test_outside_of_a_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "there is no template.yaml in " in refusal("--rps", "1")


def test_in_an_encoding_without_the_characters():
    code = "from portable.commands.cost import cost; cost()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--rps", "20"],
        env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.isascii()
    assert b"^ break-even 97.3" in done.stdout
