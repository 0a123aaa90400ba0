"""What Copilot's custom resource of a service does to the stack of its environment.

The functions of custom resources are not run. This one is imitated, as later commands see what it
leaves: it switches on features of the environment, such as the NAT gateways of private tasks,
through parameters that list the services which need them.
"""

from tests.aws.actors import Made, Resource, ResourceFailed
from tests.aws.errors import AwsError
from tests.aws.operations import Operations
from tests.aws.region import Region
from tests.aws.requests import plan
from tests.aws.stack import UPDATABLE, Stack


class EnvController:
    """The actor of Custom::EnvControllerFunction.

    Its properties name the stack (`EnvStack`), the service (`Workload`) and the parameters.
    """

    def __init__(self, region: Region, operations: Operations) -> None:
        self.region, self.operations = region, operations

    def create(self, resource: Resource) -> Made:
        self._set(resource, resource.properties["Parameters"])
        return Made(f"envcontroller/{resource.properties['EnvStack']}")

    def update(self, resource: Resource, before: dict[str, object]) -> Made:
        return self.create(resource)

    def delete(self, resource: Resource) -> None:
        stack = self.region.find(resource.properties["EnvStack"])
        if stack is not None and not stack.is_gone:
            self._set(resource, [])

    def busy(self, resource: Resource) -> str | None:
        stack = self.region.find(resource.properties["EnvStack"])
        if stack is None or not stack.is_busy:
            return None
        return f"Stack {stack.name} is in {stack.status}"

    def _set(self, resource: Resource, wanted: list[str]) -> None:
        stack = self._stack(resource)
        workload = resource.properties["Workload"]
        given = []
        for key, value in stack.deployed.parameters.items() if stack.deployed else ():
            names = [name for name in value.split(",") if name and name != workload]
            if key in wanted:
                names.append(workload)
            is_list = key.endswith("Workloads")
            given.append(
                {"ParameterKey": key, "ParameterValue": ",".join(names) if is_list else value}
            )
        request = {
            "UsePreviousTemplate": True,
            "Parameters": given,
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        }
        try:
            made = plan(self.region, request, stack)
            if self.operations.preview(stack, made)[1]:
                self.region.schedule.start(stack.id, self.operations.deploy(stack, made))
        except AwsError as error:
            raise ResourceFailed(error.message) from error

    def _stack(self, resource: Resource) -> Stack:
        name = resource.properties["EnvStack"]
        stack = self.region.find(name)
        if stack is None:
            raise ResourceFailed(f"Stack with id {name} does not exist")
        if stack.status not in UPDATABLE:
            raise ResourceFailed(f"Stack {name} is in {stack.status} state and can not be updated.")
        return stack
