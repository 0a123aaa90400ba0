"""The name of the application: every line that has it, rewritten in one go."""

import re
from pathlib import Path

# As `AllowedPattern` and `MaxLength` of the templates: it is part of the names of target groups.
NAME = re.compile(r"[a-z](-?[a-z0-9])+")
LONGEST_NAME = 14
LONGEST_ENVIRONMENT = 10

WORKSPACE = "copilot/.workspace"
SAMCONFIG = "samconfig.toml"
# Files, and what stands before the name in them.
PLACES = {
    WORKSPACE: r"^application: ",
    SAMCONFIG: r'^(?:(?:stack_name|AppName) = "|tags = "application=)',
    "*.yaml": r"^  AppName:\n(?:    .*\n)*?    Default: ",
    "data/*.yaml": r"^  AppName:\n(?:    .*\n)*?    Default: ",
    "alb/*.yaml": r"^  AppName:\n(?:    .*\n)*?    Default: ",
    "pyproject.toml": r'^name = "',
    "requirements*.txt": r"^ *# +(?:via )?",
    "src/app/main.py": r'FastAPI\(title="',
    "README.md": r"^# ",
}


def checked(name: str, what: str, longest: int) -> str:
    """Return `name`; raise `ValueError`, saying that it is of `what`, for one that AWS refuses."""
    if not NAME.fullmatch(name) or len(name) > longest:
        message = f"{what} is {name!r}, expected lower-case letters, digits and single hyphens, "
        raise ValueError(f"{message}a letter first, {longest} characters at most.")
    return name


def application(root: Path) -> str:
    """Return the name of the application of the service in `root`; raise `ValueError`."""
    path = root / WORKSPACE
    found = re.search(r"^application: *(\S+)", path.read_text(), re.M) if path.exists() else None
    if not found:
        raise ValueError(f"{WORKSPACE} names no application.")
    return found[1]


def rename(root: Path, name: str) -> list[str]:
    """Rename the application of the service in `root`; return the files that changed.

    Raises `ValueError` for a name that AWS refuses, and where there is none to replace.
    """
    checked(name, "the name", LONGEST_NAME)
    old = application(root)
    changed = []
    for pattern, before in PLACES.items():
        for path in sorted(root.glob(pattern)):
            text = path.read_text()
            place = rf"({before}){re.escape(old)}(?![a-z0-9])"
            renamed = re.sub(place, rf"\g<1>{name}", text, flags=re.M)
            if renamed != text:
                path.write_text(renamed)
                changed.append(path.relative_to(root).as_posix())
    return changed
