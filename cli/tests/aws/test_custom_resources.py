"""Custom resources in the emulated CloudFormation: their functions are not run."""

from typing import Any

import pytest

from tests.aws.stack_driver import LOG_GROUP, Driver

ENVIRONMENT = {
    "Parameters": {
        "NATWorkloads": {"Type": "String", "Default": ""},
        "AppName": {"Type": "String", "Default": "app"},
    },
    "Conditions": {"HasNat": {"Fn::Not": [{"Fn::Equals": [{"Ref": "NATWorkloads"}, ""]}]}},
    "Resources": {"Always": LOG_GROUP, "Nat": LOG_GROUP | {"Condition": "HasNat"}},
    # As in Copilot's template: a parameter that changes no resource is no update otherwise.
    "Outputs": {"EnabledFeatures": {"Value": {"Ref": "NATWorkloads"}}},
}


def service(name: str, wanted: list[str]) -> dict[str, Any]:
    properties = {
        "ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:controller",
        "EnvStack": "environment",
        "Workload": name,
        "Parameters": wanted,
    }
    return {
        "Resources": {"Action": {"Type": "Custom::EnvControllerFunction", "Properties": properties}}
    }


@pytest.fixture
def driver() -> Driver:
    return Driver()


def test_an_attribute_is_the_default_that_the_properties_name(driver: Driver) -> None:
    properties = {"ServiceToken": "arn", "DefaultDesiredCount": "2"}
    template = {
        "Resources": {"Count": {"Type": "Custom::Count", "Properties": properties}},
        "Outputs": {
            "Count": {"Value": {"Fn::GetAtt": ["Count", "DesiredCount"]}},
            "Other": {"Value": {"Fn::GetAtt": ["Count", "Other"]}},
        },
    }
    driver.deploy("s", template)
    assert driver.outputs("s") == {"Count": "2", "Other": "Count-Other"}


def test_a_service_switches_a_feature_of_its_environment_on_and_off(driver: Driver) -> None:
    driver.deploy("environment", ENVIRONMENT)
    for name in ("one", "two"):
        assert driver.deploy(name, service(name, ["NATWorkloads"])) == "CREATE_COMPLETE"
    assert driver.resources("environment").keys() == {"Always", "Nat"}
    [nat, app] = driver.stack("environment")["Parameters"]
    assert (nat["ParameterValue"], app["ParameterValue"]) == ("one,two", "app")
    driver.deploy("one", service("one", []))
    driver.delete("two")
    assert driver.status("environment") == "UPDATE_COMPLETE"
    assert driver.resources("environment").keys() == {"Always"}


def test_a_service_without_its_environment_fails(driver: Driver) -> None:
    assert driver.deploy("one", service("one", [])) == "ROLLBACK_COMPLETE"
    assert "Stack with id environment does not exist" in driver.reasons("one")
