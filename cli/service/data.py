"""Takes the data out of a service that needs none: the one list of its files and lines."""

import re
import shutil
from pathlib import Path

FILES = ("data", "src/app/items", "tests/test_items.py")
# What is removed from each file, all of what matches.
LINES = {
    "template.yaml": (
        r" +(?:ITEMS_TABLE|APP_SECRET):\n.*\n",
        r" +# What the app may do: .*\n +ManagedPolicyArns:\n +- Fn::ImportValue: .*-AppPolicy\n",
    ),
    "copilot/*/manifest.yml": (r" +(?:ITEMS_TABLE|APP_SECRET):.*\n.*\n",),
    "copilot/*/overrides/cfn.patches.yml": (r"# What the app may do: .*\n(?:.+\n)*\n",),
    "samconfig.toml": (r"# sam deploy --config-env data-.*\n(?:(?!# sam ).*\n)*",),
    "Makefile": (r"\tsam (?:deploy|delete) --config-env data-.*\n", r" data/template\.yaml(?= )"),
    "Dockerfile": (r"# botocore describes (?:.*\n)+?(?=# Wheels)",),
    "README.md": (r"\| `data/` \|.*\n",),
    "pyproject.toml": (r' +"botocore>=.*\n', r', "botocore\.\*"'),
    "src/app/main.py": (r"from app\.items.*\n", r" +app\.include_router\(items_router.*\n"),
    "src/app/settings.py": (r" +items_table: .*\n +app_secret: .*\n",),
}
CLIENT = "botocore"
LOCK, DEV_LOCK = "requirements.txt", "requirements-dev.txt"
APP = "(pyproject.toml)"  # how a lock calls who needs a package because pyproject.toml says so


def remove_data(root: Path) -> None:
    """Remove it from the service in `root`; raise `ValueError` where it is not as it was."""
    for name in FILES:
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for pattern, expressions in LINES.items():
        for expression in expressions:
            found = 0
            for path in root.glob(pattern):
                text, count = re.subn(expression, "", path.read_text())
                found += count
                path.write_text(text)
            if not found:
                raise ValueError(f"{pattern} has no {expression!r} any more: change {__file__}.")
    (root / LOCK).write_text(_unlocked((root / LOCK).read_text()))
    # There the command needs it, too.
    (root / DEV_LOCK).write_text(_not_ours((root / DEV_LOCK).read_text()))


def _unlocked(text: str) -> str:
    """Return a lock without the client, and without what nobody else needs."""
    blocks = _blocks(text)
    gone = {CLIENT}
    while True:
        kept = [block for block in blocks if _name(block) not in gone]
        needless = {_name(block) for block in kept if _users(block) <= gone}
        if not needless:
            return "".join(kept)
        gone |= needless


def _not_ours(text: str) -> str:
    """Return a lock that has the client for others only."""
    blocks = _blocks(text)
    return "".join(
        re.sub(rf".*{re.escape(APP)}\n", "", block) if _name(block) == CLIENT else block
        for block in blocks
    )


def _blocks(text: str) -> list[str]:
    return re.split(r"^(?=\w)", text, flags=re.M)


def _name(block: str) -> str:
    return re.split(r"[=\[ ]", block, maxsplit=1)[0]


def _users(block: str) -> set[str]:
    """Return who needs the package of `block`."""
    lines = (line.strip().removeprefix("#").removeprefix(" via") for line in block.splitlines())
    return {words[-1] for line in lines if (words := line.split()) and _is_user(words)}


def _is_user(words: list[str]) -> bool:
    return words[-1] == APP or (len(words) == 1 and re.fullmatch(r"[\w.-]+", words[0]) is not None)
