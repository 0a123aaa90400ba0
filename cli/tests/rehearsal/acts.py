"""What the rehearsal goes through, one function after the other, on one stage."""

import re
import uuid

from tests.rehearsal.chapters import ROOT, commands, mentioned
from tests.rehearsal.stage import Running, Stage

OPERATE = ROOT / "cli/docs/operate.md"
# A minute of the bake is half a second here, in which no request can be counted.
COUNT = " --min-requests 0"


def steps(chapter: str) -> list[str]:
    """Return the commands of a chapter that `sam`, `copilot` and `portable` run."""
    return [line for line in commands(chapter) if line.split()[0] in ("sam", "copilot", "portable")]


def deploy(stage: Stage) -> None:
    """The first deployment, line by line."""
    for line in commands("Deploy"):
        if line.startswith("export "):
            stage.export(line)
        else:
            stage.run(line)
    found = stage.left()
    assert set(found.stacks.values()) <= {"CREATE_COMPLETE", "UPDATE_COMPLETE"}, found.stacks
    assert list(found.weights.values()) == ["50/50"]
    # `sam` gives its own two no tags: a repository for the image, and a bucket of all its projects.
    untagged = {
        stack["StackName"]
        for stack in stage.account.client("cloudformation").describe_stacks()["Stacks"]
        if {"Key": "application", "Value": "portable-api"} not in stack["Tags"]
    }
    companion, bucket = sorted(untagged, key=len, reverse=True)
    assert companion.endswith("-CompanionStack"), untagged
    assert bucket == "aws-sam-cli-managed-default"


def deploy_again(stage: Stage) -> None:
    """Every command once more: nothing to change is success."""
    before = stage.left()
    for line in steps("Deploy"):
        stage.run(line)
    assert stage.left().exports == before.exports
    assert stage.left().stacks.keys() == before.stacks.keys()


def change_code(stage: Stage) -> None:
    """A change of the code, deployed on each side alone."""
    stage.edit("src/app/main.py", 'return "ok"', 'return "ok"  # changed')
    version, revision = _version(stage), _revision(stage)
    stage.run(mentioned("Deploy", "sam build && sam deploy"))
    assert (_version(stage), _revision(stage)) == (version + 1, revision)
    stage.run(mentioned("Deploy", "copilot svc deploy"))
    assert (_version(stage), _revision(stage)) == (version + 1, revision + 1)


def _version(stage: Stage) -> int:
    """Return the version that the alias of the function has."""
    (version,) = [
        number for arn, number in stage.account.functions.aliases.items() if arn.endswith(":live")
    ]
    return int(version)


def _revision(stage: Stage) -> int:
    """Return the revision of the task definition that the service runs."""
    (service,) = stage.account.ecs.services.values()
    return int(service.deployment.task_definition.rpartition(":")[2])


PACKAGE = "copilot svc package --name api --env test --tag v2 --upload-assets --output-dir packaged"


def run_tasks(stage: Stage) -> None:
    """A command in the image that the service runs, and one in the image that is deployed next."""
    page = (ROOT / "cli/docs/task.md").read_text()
    show = "python -c 'import os; print(os.environ[\"ITEMS_TABLE\"]); raise SystemExit(3)'"
    said = stage.run(f"portable task --env test -- {show}", status=3, says="\nportable-api-data-t")
    migrate = mentioned("Operate", "portable task", "--tag v2")
    stage.run(migrate, status=1, says="has no image 'v2'")
    assert f"{PACKAGE}\n{migrate}\n" in page
    stage.run(PACKAGE)
    # The image has no migrations, and Python says so.
    new = stage.run(migrate, status=1, says="No module named alembic")
    tags = stage.account.ecr.registry.tags("portable-api/api")
    assert _digest(new) == tags["v2"]
    assert _digest(said) in tags.values()
    stage.run("portable task --env test -- alembic", status=1, says="executable file not found")


def _digest(said: str) -> str:
    (found,) = re.findall(r"@(sha256:[0-9a-f]{64})\.", said)
    return str(found)


def shift(stage: Stage) -> None:
    """A plan; three steps; an alarm in the second one; Ctrl-C; drift; a shift that is refused."""
    command = mentioned("Operate", "portable shift", "--env test", "--steps 10,50,100") + COUNT
    back = f"portable shift --env test --to lambda --steps 100 --bake 5m{COUNT}"
    errors = "portable-api-test-fargate-errors"

    stage.run(f"{command} --dry-run")
    assert stage.share() == 50
    stage.run(back)
    stage.run(command)
    assert stage.share() == 100
    assert stage.parameter("alb-test", "LambdaWeight") == 0
    stage.run(back)

    def go_off(running: Running) -> None:
        running.until(lambda: stage.share() == 50)
        stage.account.cloudwatch.set(errors, "ALARM")

    stage.run(command, status=1, says="was rolled back", meanwhile=go_off)
    assert stage.share() == 0
    stage.run(command, status=1, says=errors)  # refused
    stage.account.cloudwatch.set(errors, "OK")

    def interrupt(running: Running) -> None:
        running.until(lambda: stage.share() == 10)
        running.interrupt()

    stage.run(command, status=130, meanwhile=interrupt)
    assert stage.share() == 0

    stage.move_listener(30, 70)
    stage.run(
        "portable shift --env test --to fargate --steps 100 --min-requests 0", says="on record"
    )
    stage.run("portable shift --env test --to lambda --steps 50 --min-requests 0")
    assert stage.share() == 50


def fail_over(stage: Stage) -> None:
    """The alarm of a side that is down invokes the function; what that leaves."""
    stage.set_parameter("alarms-test", "Failover", "enabled")
    stage.run("sam deploy --config-env alarms-test")
    down = "portable-api-test-fargate-down-targets"
    stage.account.cloudwatch.set(down, "ALARM")
    assert not stage.invoke(down)["moved"]  # the tasks are healthy, whatever the metrics say
    stage.fail_targets()
    outcome = stage.invoke(down)
    assert outcome["moved"], outcome
    assert stage.share() == 0

    stage.run("sam deploy --config-env alb-test")  # no parameter changed: the weights in force stay
    assert stage.share() == 0
    stage.account.elbv2.health.clear()
    stage.account.cloudwatch.set(down, "OK")
    stage.run(
        "portable shift --env test --to fargate --steps 50 --min-requests 0", says="on record"
    )
    assert stage.share() == 50
    stage.set_parameter("alarms-test", "Failover", "disabled")
    stage.run("sam deploy --config-env alarms-test")


def certificate(stage: Stage) -> str:
    """Return the ARN of a certificate of the account."""
    return f"arn:aws:acm:us-east-1:{stage.account.id}:certificate/{uuid.UUID(int=1)}"


def change_parameters(stage: Stage) -> None:
    """Parameters changed and put back."""
    for values, port in (
        ({"CertificateArn": certificate(stage), "AccessLogs": "enabled"}, ":443"),
        ({"CertificateArn": "", "AccessLogs": "disabled"}, ":80"),
    ):
        for name, value in values.items():
            stage.set_parameter("alb-test", name, value)
        stage.run("sam deploy --config-env alb-test")
        (listener,) = stage.left().weights
        assert listener.endswith(port)
    for rollout in ("Canary10Percent5Minutes", "AllAtOnce"):
        stage.set_parameter("default", "Rollout", rollout)
        stage.run("sam deploy")
    for old, new in (("8080", "9090"), ("9090", "8080")):
        manifest = stage.folder / "copilot/api/manifest.yml"
        manifest.write_text(manifest.read_text().replace(old, new))
        stage.set_parameter("alb-test", "TaskPort", int(new))
        stage.run("portable check --env test")
        stage.run("sam deploy --config-env alb-test")
        stage.run("copilot svc deploy --name api --env test")


# What the tools ask before they delete, and what a person answers who means it.
YES = {r"\(y/N\)|\[y/N\]:? ": "y"}
NO = {r"\(y/N\)|\[y/N\]:? ": "n"}


def tear_down_in_a_wrong_order(stage: Stage) -> None:
    """What others import cannot go first; nothing is lost by the attempt."""
    before = stage.left()
    stage.run("copilot env delete --name test", status=1, says="api")
    stage.run("sam delete --config-env alb-test --no-prompts", status=1, says="FargateTargetGroup")
    # It has deleted the images by the time that it is refused; the next deployment pushes them.
    stage.run("sam delete --no-prompts", status=1, says="FunctionAlias")
    stage.run("sam deploy")
    assert stage.left().exports == before.exports
    assert stage.left().weights == before.weights


def tear_down(stage: Stage) -> None:
    """The chapter, line by line; each step asks."""
    first = next(line for line in steps("Tear down") if line.startswith("copilot"))
    before = stage.left()
    stage.run(first, status=1, says="no changes made", answers=NO)
    assert stage.left() == before
    (table,) = tables(stage)
    for line in steps("Tear down"):
        said = stage.run(line, answers=YES)
    assert f"table {table}" in said  # the last line has named it, and let it be
    assert tables(stage) == [table]
    stage.run("portable leftovers --env test --delete --data", answers=YES)
    assert tables(stage) == []


def tables(stage: Stage) -> list[str]:
    """Return the names of the tables in the account."""
    names: list[str] = stage.account.client("dynamodb").list_tables()["TableNames"]
    return names


# One resource of each stack, in the order of the stacks.
BROKEN = ("Cluster", "ItemsTable", "ApiFunction", "LoadBalancer", "LambdaErrors", "Service")


def make_deploy(stage: Stage) -> None:
    """`make deploy ENV=prod`, from the state in which each of its steps had failed."""
    command = mentioned("Deploy", "make deploy ENV=prod")
    stage.run(command, status=2, says="AllowPlainHttp")  # one choice is left to its owner
    stage.set_parameter("alb-prod", "CertificateArn", certificate(stage))
    for resource in BROKEN:
        stage.account.cloudformation.failures[resource] = f"{resource} is broken"
        stage.run(command, status=2)
        assert not stage.account.cloudformation.failures, f"{resource} was never made"
    stage.edit("copilot/api/manifest.yml", *_location(stage))
    stage.run(command)
    one_image(stage)
    assert set(stage.left().stacks.values()) <= {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


def one_image(stage: Stage) -> None:
    """Both sides run the same digest, which is in one repository alone."""
    (service,) = stage.account.ecs.services.values()
    task = stage.account.ecs.task_definitions[service.deployment.task_definition]
    (image,) = [each["Image"] for each in task["ContainerDefinitions"] if each["Name"] == "api"]
    (alias,) = [arn for arn in stage.account.functions.aliases if arn.endswith(":live")]
    function = stage.account.functions.get_function({"FunctionName": alias})
    assert image == function["Code"]["ResolvedImageUri"]
    assert "@sha256:" in image and "portableapilambdaprod" in image, image


def _location(stage: Stage) -> tuple[str, str]:
    """Return the lines of the manifest that build an image, and those that take the function's."""
    manifest = (stage.folder / "copilot/api/manifest.yml").read_text()
    (build,) = re.findall(r"^  build:\n(?:    .*\n)+", manifest, re.M)
    (chapter,) = re.findall(r"^## Images\n(.*?)^## ", OPERATE.read_text(), re.M | re.S)
    (instead,) = re.findall(r"^```yaml\nimage:\n(.*?)^```$", chapter, re.M | re.S)
    return build, instead


def make_destroy(stage: Stage) -> None:
    """`make destroy ENV=prod` asks at each step, and does not get past the protection."""
    command = mentioned("Tear down", "make destroy ENV=prod")
    before = stage.left()
    stage.run(command, status=2, says="protected", answers=YES)
    assert stage.left() == before  # the load balancer is protected
    stage.set_parameter("alb-prod", "DeletionProtection", "disabled")
    stage.run(mentioned("Tear down", "sam deploy", "alb-prod"))
    stage.run(command, status=2, says="no changes made", answers=NO)
    stage.run(command, answers=YES)
    stage.run("portable leftovers --env prod --delete --shared", answers=YES)
    assert stage.left().stacks == {}
    drop = "portable leftovers --env prod --delete --data"
    (table,) = tables(stage)
    stage.run(drop, status=1, says=f"table {table}", answers=YES)
    assert tables(stage) == [table]  # it is protected, too
    dynamodb = stage.account.client("dynamodb")
    dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
    stage.run(drop, answers=YES)
    assert tables(stage) == []
