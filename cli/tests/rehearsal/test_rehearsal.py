"""The chapters Deploy, Operate and Tear down, run with the real tools against an empty account.

The tests build on each other, in this order.
"""

from tests.rehearsal import acts
from tests.rehearsal.stage import Stage


def test_the_first_deployment(project: Stage) -> None:
    acts.deploy(project)


def test_every_command_again(project: Stage) -> None:
    acts.deploy_again(project)


def test_a_change_of_the_code_on_each_side_alone(project: Stage) -> None:
    acts.change_code(project)


def test_the_tasks(project: Stage) -> None:
    acts.run_tasks(project)


def test_the_shift(project: Stage) -> None:
    acts.shift(project)


def test_the_failover(project: Stage) -> None:
    acts.fail_over(project)


def test_parameters_changed_and_put_back(project: Stage) -> None:
    acts.change_parameters(project)


def test_tear_down(project: Stage) -> None:
    acts.tear_down_in_a_wrong_order(project)
    acts.tear_down(project)


def test_make_deploy_after_each_failure(project: Stage) -> None:
    acts.make_deploy(project)


def test_make_destroy(project: Stage) -> None:
    acts.make_destroy(project)
