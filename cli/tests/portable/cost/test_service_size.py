"""What the cost takes from the Copilot manifest and the patches next to it."""

import shutil

import pytest

from portable.cost.service_size import (
    NO_SPOT,
    TASK_SIZES,
    ServiceSize,
    Spot,
    check_task_size,
    read_service_size,
)
from portable.errors import PortableError

MANIFEST = "copilot/api/manifest.yml"
SPOT = Spot(base=1, share=0.5)


@pytest.fixture
def copy(root, tmp_path):
    """The folder of the manifest, with a manifest that a test may write."""
    shutil.copytree(root / "copilot", tmp_path / "copilot")
    return tmp_path


def write(copy, text: str) -> None:
    (copy / MANIFEST).write_text(text)


@pytest.mark.parametrize(("environment", "maximum"), [("test", 4), ("prod", 10)])
def test_the_service_of_this_repository(root, environment, maximum):
    size = read_service_size(root, MANIFEST, environment)
    assert size == ServiceSize(1, 4096, 2, maximum, 70, nat_gateways=2, spot=SPOT)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        ("3", (3, 3, 70)),
        ("{range: 2-10, cpu_percentage: 50}", (2, 10, 50)),
        ("{range: {min: 1, max: 5}, cpu_percentage: {value: 60, cooldown: {in: 30s}}}", (1, 5, 60)),
        ("{spot: 4}", (4, 4, 70)),
    ],
)
def test_forms_of_count(copy, count, expected):
    write(copy, f"cpu: 256\nmemory: 512\ncount: {count}")
    size = read_service_size(copy, MANIFEST, "test")
    assert (size.minimum, size.maximum, size.cpu_percentage) == expected
    assert (size.vcpu, size.memory) == (0.25, 512)


def test_public_tasks_have_no_nat_gateway(copy):
    write(copy, "cpu: 256\nmemory: 512\ncount: 1\nnetwork: {vpc: {placement: public}}")
    assert read_service_size(copy, MANIFEST, "test").nat_gateways == 0
    write(copy, "cpu: 256\nmemory: 512\ncount: 1")  # the default is public
    assert read_service_size(copy, MANIFEST, "test").nat_gateways == 0


def test_a_nat_gateway_for_each_private_subnet(copy):
    path = copy / "copilot/environments/test/manifest.yml"
    path.write_text("network: {vpc: {subnets: {private: [{cidr: a}, {cidr: b}, {cidr: c}]}}}")
    assert read_service_size(copy, MANIFEST, "test").nat_gateways == 3
    path.unlink()
    assert read_service_size(copy, MANIFEST, "test").nat_gateways == 2


def test_without_a_patch_nothing_is_on_spot(copy):
    patches = copy / "copilot/api/overrides/cfn.patches.yml"
    patches.write_text("- op: remove\n  path: /Resources/Service/Properties/LaunchType")
    assert read_service_size(copy, MANIFEST, "test").spot == NO_SPOT
    patches.unlink()
    assert read_service_size(copy, MANIFEST, "test").spot == NO_SPOT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("memory: 512\ncount: 1", f"{MANIFEST}: cpu is None, expected a number."),
        ("cpu: one\nmemory: 512\ncount: 1", f"{MANIFEST}: cpu is 'one', expected a number."),
        ("cpu: 256\nmemory: 512\ncount: many", f"{MANIFEST}: count is 'many', expected a number."),
        (
            "cpu: 256\nmemory: 512\ncount: {range: {min: 1}}",
            f"{MANIFEST}: count.range.max is None, expected a number.",
        ),
        ("cpu: [", f"{MANIFEST} is not YAML: "),
        ("", f"{MANIFEST} is empty, expected a Copilot manifest."),
        (
            "cpu: 1024\nmemory: 1024\ncount: 1",
            f"{MANIFEST}: a task of 1 vCPU cannot have 1024 MiB, only 2048, 3072, 4096 and on in "
            "steps of 1024 to 8192.",
        ),
    ],
)
def test_refusals(copy, text, expected):
    write(copy, text)
    with pytest.raises(PortableError) as error:
        read_service_size(copy, MANIFEST, "test")
    assert error.value.format_message().startswith(expected)


def test_a_strategy_that_is_none(copy):
    (copy / "copilot/api/overrides/cfn.patches.yml").write_text(
        "- {path: /Resources/Service/Properties/CapacityProviderStrategy, value: [1]}"
    )
    with pytest.raises(PortableError, match=r"is \[1\], expected a list of CapacityProvider"):
        read_service_size(copy, MANIFEST, "test")


def test_task_sizes():
    for vcpu, memory in ((0.25, 512), (0.5, 4096), (1, 8192), (2, 5120), (8, 20480), (16, 122880)):
        check_task_size(vcpu, memory, "here")
    assert [len(sizes) for sizes in TASK_SIZES.values()] == [3, 4, 7, 13, 23, 12, 12]
    with pytest.raises(PortableError) as error:
        check_task_size(3, 4096, "here")
    message = "here: Fargate has no task of 3 vCPU, only of 0.25, 0.5, 1, 2, 4, 8, 16."
    assert error.value.format_message() == message
    with pytest.raises(PortableError) as error:
        check_task_size(0.25, 4096, "here")
    message = "here: a task of 0.25 vCPU cannot have 4096 MiB, only 512, 1024, 2048."
    assert error.value.format_message() == message
