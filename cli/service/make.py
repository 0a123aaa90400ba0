"""Makes a service of a copy of this repository: its names, its environments, the command's version.

    make.py COMMIT NAME ENVIRONMENTS REGION ARCHITECTURE DATA

copier.yml runs it in the folder of the service, with copier's Python: the standard library has to
do. At an update it runs again on the fresh copy, so what it does depends on its arguments alone.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TEMPLATE = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "src"))

from data import remove_data  # noqa: E402

from portable.service import environments  # noqa: E402
from portable.service.names import rename  # noqa: E402

SERVICE = Path()
PLATFORMS = {"x86_64": "linux/x86_64", "arm64": "linux/arm64"}


def replace(pattern: str, new: str, *paths: Path) -> None:
    """Replace `pattern` in each of `paths`; raise `ValueError` where it is not."""
    for path in paths:
        text, count = re.subn(pattern, new, path.read_text(), flags=re.M)
        if not count:
            raise ValueError(f"{path} has no {pattern!r} any more: change {Path(__file__).name}.")
        path.write_text(text)


def set_environments(names: list[str]) -> None:
    """Have `names` instead of `test` and `prod`: the first of several is like `test`."""
    for number in reversed(range(len(names))):  # a copy comes right after what it is like
        like = "test" if number == 0 and len(names) > 1 else "prod"
        environments.add(SERVICE, f"new{number}", like)
    environments.remove(SERVICE, "test")
    environments.remove(SERVICE, "prod")
    for number, name in enumerate(names):
        # At an update it is there: its owner's changes are applied to what is made here.
        environments.manifest_of(SERVICE, name).unlink(missing_ok=True)
        environments.add(SERVICE, name, f"new{number}")
        environments.remove(SERVICE, f"new{number}")


def source(commit: str) -> str:
    """Return the address of the repository that has `commit`, for uv; raise `ValueError`."""
    if not commit:
        raise ValueError("the template is no git repository, so no version of `portable` is known.")
    git = ["git", "-C", str(TEMPLATE), "remote", "get-url", "origin"]
    url = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    folder = Path(url.removeprefix("file://"))
    if not folder.is_dir():
        return url
    git = ["git", "-C", str(folder), "cat-file", "-e", f"{commit}^{{commit}}"]
    if subprocess.run(git, capture_output=True).returncode:
        raise ValueError(f"{folder} has changes that are not committed: commit them first.")
    return folder.resolve().as_uri()


def main(commit: str, name: str, names: str, region: str, architecture: str, data: str) -> None:
    """Rewrite the files in the current folder."""
    url = source(commit)
    shutil.copy(HERE / "README.md", SERVICE / "README.md")
    if data == "none":
        remove_data(SERVICE)
    set_environments(names.split(","))
    samconfig = SERVICE / environments.SAMCONFIG
    replace(r"^stack_name = .*$", rf'\g<0>\nregion = "{region}"', samconfig)
    replace(r"Architectures: \[.*\]", f"Architectures: [{architecture}]", SERVICE / "template.yaml")
    services = SERVICE.glob("copilot/*/manifest.yml")
    replace(r"^platform: \S+", f"platform: {PLATFORMS[architecture]}", *services)
    pyproject = SERVICE / "pyproject.toml"
    pin = f'{{ git = "{url}", rev = "{commit}", subdirectory = "cli" }}'
    replace(r"^portable-cli = \{ path = .*$", f"portable-cli = {pin}", pyproject)
    replace(r"^description = .*\nreadme = .*\nlicense = .*\n", 'readme = "README.md"\n', pyproject)
    rename(SERVICE, name)
    # What is not its owner's stays under the licence that it came with.
    shutil.copy(TEMPLATE / "LICENSE", SERVICE / "src/portable_runtime/LICENSE")
    workflows = SERVICE / ".github/workflows"
    workflows.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "ci.yml", workflows / "ci.yml")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ValueError as error:
        sys.exit(f"The service cannot be made: {error}")
