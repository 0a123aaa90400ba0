"""The image that the Lambda side of an environment runs, by its digest."""

from portable.check.account.session import Account
from portable.errors import PortableError

ALIAS = "FunctionAlias"  # an output of template.yaml


def deployed_image(account: Account, stack: str) -> str:
    """Return the image of the alias of the function in `stack`, as REPOSITORY@sha256:DIGEST.

    It is what Lambda has resolved the tag to when it published the version.
    https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCodeLocation.html
    Raises `PortableError` where there is no such stack, or no alias in it.
    """
    described = account.find(
        "ValidationError", "cloudformation", "describe_stacks", StackName=stack
    )
    if described is None:
        raise PortableError(
            f"there is no stack {stack} in {account.region}: `sam deploy` makes it."
        )
    outputs = described["Stacks"][0].get("Outputs", [])
    aliases = [each["OutputValue"] for each in outputs if each["OutputKey"] == ALIAS]
    if not aliases:
        raise PortableError(f"the stack {stack} has no output {ALIAS}: give `sam deploy` first.")
    code = account.ask("lambda", "get_function", FunctionName=aliases[0])["Code"]
    return str(code["ResolvedImageUri"])
