"""A stand-in of the base image is not deployed. A script stands in for `docker`, as in
test_docker.py: which images it knows, and which of them have the label."""

import pytest

from portable.check.base_image import base_image

OFFICIAL, OTHER = "python:3.13-slim", "localhost/stand-in/python:3.13-slim"


@pytest.fixture
def labelled(tmp_path, monkeypatch):
    """Let the engine have images with the label, and none else."""
    monkeypatch.delenv("PORTABLE_STAND_IN", raising=False)
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def write(*images: str) -> None:
        path = folder / "docker"
        cases = "".join(f"{image}) echo 0123; exit 0;; " for image in images)
        path.write_text(f'#!/bin/sh\ncase "$5" in {cases}*) exit 1;; esac\n')
        path.chmod(0o755)

    return write


def test_an_image_that_is_not_here_is_pulled(project, labelled):
    labelled()
    assert list(base_image(project)) == []


def test_a_stand_in_with_the_official_name(project, labelled, find):
    labelled(OFFICIAL)
    find(base_image(project), f"Dockerfile: ARG PYTHON_IMAGE: {OFFICIAL} is a stand-in", "pull")


@pytest.mark.parametrize(
    ("path", "line", "argument", "where"),
    [
        (
            "template.yaml",
            "      DockerContext: .\n",
            "      DockerBuildArgs: {{PYTHON_IMAGE: {}}}\n",
            "template.yaml: ApiFunction.Metadata.DockerBuildArgs.PYTHON_IMAGE",
        ),
        (
            "copilot/api/manifest.yml",
            "    context: .\n",
            "    args: {{PYTHON_IMAGE: {}}}\n",
            "copilot/api/manifest.yml: image.build.args.PYTHON_IMAGE",
        ),
    ],
)
def test_a_build_argument_that_names_one(
    path, line, argument, where, project, change, labelled, find
):
    labelled(OTHER)
    change(path, line, line + argument.format(OTHER))
    find(base_image(project), f"{where}: {OTHER} is a stand-in", "PYTHON_IMAGE")


def test_what_sam_has_built_on_one(copy, project, labelled, find):
    labelled("apifunction:latest")
    assert list(base_image(project)) == []
    build = copy / ".aws-sam/build"
    build.mkdir(parents=True)
    (build / "template.yaml").write_text("      ImageUri: apifunction:latest\n")
    find(base_image(project), "apifunction:latest", "is built on a stand-in", "sam build")


def test_where_nothing_goes_to_an_account_it_may_be(project, labelled, monkeypatch):
    labelled(OFFICIAL)
    monkeypatch.setenv("PORTABLE_STAND_IN", "allowed")
    assert list(base_image(project)) == []


def test_no_docker_is_said_elsewhere(project, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(base_image(project)) == []
