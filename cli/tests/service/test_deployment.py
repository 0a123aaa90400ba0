"""A service of one's own is deployed to an account that is empty, with `make deploy`."""

import shutil

import pytest

from tests.docker.conftest import base_image, docker_engine, run
from tests.rehearsal.stage import stage
from tests.service.conftest import DATA, Service

__all__ = ["base_image", "docker_engine", "run"]


def test_make_deploy(installed: Service, base_image: str) -> None:
    if not shutil.which("docker-registry"):
        pytest.skip("there is no docker-registry command on this machine")
    with stage(lambda done: None, installed.folder, DATA["region"]) as found:
        found.run("make deploy AWS_PROFILE=default")
        kinds = ("lambda", "alb", "alarms")
        names = {f"orders-{kind}-staging" for kind in kinds} | {"orders-staging-api"}
        assert names <= found.left().stacks.keys()
        # The service's owner had changed the weights.
        assert found.share() == 10
