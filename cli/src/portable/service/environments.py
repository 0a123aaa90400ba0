"""The environments of a service: the sections of samconfig.toml, and what Copilot has of each.

Files are edited as text, so that comments and order stay.
"""

import contextlib
import re
import tomllib
from pathlib import Path
from typing import Any

from portable.service.names import LONGEST_ENVIRONMENT, SAMCONFIG, checked

FOLDER = "copilot/environments"


def environments(root: Path) -> list[str]:
    """Return the environments of samconfig.toml in `root`, in its order."""
    return list(dict.fromkeys(_sections((root / SAMCONFIG).read_text()).values()))


def add(root: Path, name: str, like: str) -> list[str]:
    """Add the environment `name` with what `like` has; return the files that changed.

    Raises `ValueError` for a name that AWS refuses or that is there, and for an unknown `like`.
    """
    checked(name, "the environment", LONGEST_ENVIRONMENT)
    known = environments(root)
    if name in known or manifest_of(root, name).exists():
        raise ValueError(f"there is an environment {name!r} already.")
    if like not in known:
        raise ValueError(f"there is no environment {like!r}, expected {' or '.join(known)}.")
    manifest = manifest_of(root, like)
    if not manifest.exists():
        raise ValueError(f"there is no {manifest.relative_to(root)}.")
    for section in _named(_read(root), like):
        if not section.endswith(like):
            raise ValueError(f"{SAMCONFIG}: [{section}] is of {like!r}, so end its name with it.")
    _write(root, _with_sections(_read(root), name, like))
    text = re.sub(r"^name: .*$", f"name: {name}", manifest.read_text(), flags=re.M)
    manifest_of(root, name).parent.mkdir(parents=True, exist_ok=True)
    manifest_of(root, name).write_text(text)
    changed = [SAMCONFIG, manifest_of(root, name).relative_to(root).as_posix()]
    for path in sorted(root.glob("copilot/*/manifest.yml")):
        text = path.read_text()
        copied = re.sub(_overrides(like), rf"\g<0>  {name}:\n\g<1>", text, count=1, flags=re.M)
        if copied != text:
            path.write_text(copied)
            changed.append(path.relative_to(root).as_posix())
    return changed


def remove(root: Path, name: str) -> None:
    """Take the environment `name` out of all files."""
    text = _read(root)
    sections = set(_named(text, name))
    kept = [part for part in _paragraphs(text) if _section(part) not in sections]
    _write(root, "\n\n".join(kept) + "\n")
    manifest_of(root, name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # there is more in it, or it is gone
        manifest_of(root, name).parent.rmdir()
    for path in root.glob("copilot/*/manifest.yml"):
        text = re.sub(_overrides(name), "", path.read_text(), count=1, flags=re.M)
        # With its comment, where it was the last one.
        path.write_text(re.sub(r"\n(#.*\n)*environments:\n*\Z", "", text))


def manifest_of(root: Path, name: str) -> Path:
    """Return the path of what Copilot is told of the environment `name`."""
    return root / FOLDER / name / "manifest.yml"


# `sam deploy` alone is of the first environment: SAM looks for the section `default`. Here that
# section is called as those of the others are, for its environment.
ALONE = "# sam build && sam deploy"


def _read(root: Path) -> str:
    text = (root / SAMCONFIG).read_text()
    first = _sections(text).get("default")
    if not first:
        return text
    text = re.sub(rf"^{ALONE}$", rf"{ALONE} --config-env {first}", text, flags=re.M)
    return re.sub(r"^\[default([.\]])", rf"[{first}\1", text, flags=re.M)


def _write(root: Path, text: str) -> None:
    first = next(iter(_sections(text).values()), "")
    text = re.sub(rf"^{ALONE} --config-env {re.escape(first)}$", ALONE, text, flags=re.M)
    text = re.sub(rf"^\[{re.escape(first)}([.\]])", r"[default\1", text, flags=re.M)
    (root / SAMCONFIG).write_text(text)


def _with_sections(text: str, name: str, like: str) -> str:
    """Return `text` with a copy of each section of `like` for `name`."""
    sections = {key for key, value in _sections(text).items() if value == like}
    parts = _paragraphs(text)
    result: list[str] = []
    copies: list[str] = []
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        result.append(part)
        section = _section(part)
        if section in sections:
            copies.append(_copied(part, section, name, like))
        if copies and _section(following) != section:
            result += copies
            copies = []
    return "\n\n".join(result) + "\n"


def _copied(part: str, section: str, name: str, like: str) -> str:
    """Return the paragraph of `section` for `name`: its header, comment, stack, tags, EnvName."""
    new = section.removesuffix(like) + name
    part = re.sub(rf"(?<![\w-]){re.escape(section)}(?![\w-])(?=[. \n])", new, part)
    part = re.sub(rf'^(stack_name = ".*?){re.escape(like)}"', rf'\g<1>{name}"', part, flags=re.M)
    part = re.sub(
        rf'^(tags = ".*\benvironment=){re.escape(like)}\b', rf"\g<1>{name}", part, flags=re.M
    )
    return re.sub(rf'\b(EnvName *= *"){re.escape(like)}"', rf'\g<1>{name}"', part)


def _paragraphs(text: str) -> list[str]:
    return re.split(r"\n{2,}", text.rstrip("\n"))


def _section(part: str) -> str:
    """Return the section whose header is in the paragraph `part`, or nothing."""
    found = re.search(r"^\[([\w-]+)[.\]]", part, re.M)
    return found[1] if found else ""


def _named(text: str, environment: str) -> list[str]:
    return [section for section, value in _sections(text).items() if value == environment]


def _sections(text: str) -> dict[str, str]:
    """Return the environment of each section that has one."""
    found = {}
    for section, commands in tomllib.loads(text).items():
        for command in commands.values() if isinstance(commands, dict) else ():
            given: Any = command.get("parameters", {}).get("parameter_overrides")
            if isinstance(given, dict) and "EnvName" in given:
                found[section] = str(given["EnvName"])
            elif given and (match := re.search(r"\bEnvName=['\"]?([\w-]+)", str(given))):
                found[section] = match[1]
    return found


def _overrides(environment: str) -> str:
    """Match the block of `environment` below `environments:` in a manifest of Copilot."""
    # Only there is a key of this name indented by two with a block below it.
    return rf"^  {re.escape(environment)}:\n((?:    .*\n|\n(?=    ))*)"
