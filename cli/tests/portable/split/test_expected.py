"""Where `portable split` has the expected weights from."""

from pathlib import Path

import pytest

from portable.local.operate import control
from portable.split.expected import given, of_local_run, of_samconfig
from portable.weights import Weights
from tests.portable.local_run import ROOT
from tests.portable.split.split_command import LAMBDA, alternating, free_port, sentence, split
from tests.portable.split.split_server import serving


def test_weights_are_given_both_or_not_at_all() -> None:
    assert given(None, None) is None
    assert given(0, 5) and given(1, 2).weights == Weights(1, 2)
    assert "--fargate-weight is missing" in sentence("http://127.0.0.1:1", "--lambda-weight", "1")
    assert "--lambda-weight is missing" in sentence("http://127.0.0.1:1", "--fargate-weight", "1")
    zero = ("--lambda-weight", "0", "--fargate-weight", "0")
    assert "both 0" in sentence("http://127.0.0.1:1", *zero)


def test_the_weights_of_a_local_run_come_before_those_of_samconfig(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def ask(port: int, name: str) -> dict[str, object]:
        asked.append(port)
        return {"weights": {"lambda": 7, "fargate": 0}}

    monkeypatch.setattr(control, "ask", ask)
    with serving(lambda _: LAMBDA) as server:
        result = split(server.url, "-n", "10")
    assert result.exit_code == 0
    assert f"lambda 7, fargate 0, from the local run on port {server.port}" in result.stdout
    assert set(asked) == {server.port}


def test_a_local_run_whose_weights_change_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter([{"lambda": 1, "fargate": 0}, {"lambda": 1, "fargate": 1}])
    monkeypatch.setattr(control, "ask", lambda port, name: {"weights": next(states)})
    with serving(lambda _: LAMBDA) as server:
        result = split(server.url, "-n", "10")
    assert result.exit_code == 1 and "the weights changed" in result.stdout


def test_without_a_local_run_samconfig_says_what_to_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert of_local_run(free_port(), control.ask) is None
    with serving(alternating) as server:
        result = split(server.url, "-n", "100", "--env", "prod")
    assert result.exit_code == 0
    assert "lambda 50, fargate 50, from samconfig.toml, environment prod" in result.stdout


def test_samconfig_may_leave_a_weight_to_the_template(tmp_path: Path) -> None:
    (tmp_path / "alb").symlink_to(ROOT / "alb")
    section = '[alb.deploy.parameters]\ntemplate_file = "alb/template.yaml"\n'
    overrides = 'parameter_overrides = { EnvName = "test", LambdaWeight = 9 }\n'
    (tmp_path / "samconfig.toml").write_text(section + overrides)
    assert of_samconfig(tmp_path, "test").weights == Weights(9, 50)


def test_where_no_weights_are_found_the_options_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = sentence("http://127.0.0.1:1")
    assert "there is no template.yaml" in said and "--lambda-weight" in said
    monkeypatch.chdir(ROOT)
    assert "not to 'other'; say what to expect" in sentence("http://127.0.0.1:1", "--env", "other")
