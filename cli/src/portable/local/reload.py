"""Changes of the app's files."""

from collections.abc import AsyncIterator, Sequence
from os.path import relpath
from pathlib import Path

from watchfiles import PythonFilter, awatch

OTHERS = (".toml", ".json", ".yaml", ".yml", ".html", ".sql")  # that an app may read


async def changes(folders: Sequence[Path]) -> AsyncIterator[str]:
    """Yield a sentence for each change of files below `folders`; changes at once are one."""
    async for changed in awatch(*folders, watch_filter=PythonFilter(extra_extensions=OTHERS)):
        first, *others = sorted(relpath(path) for _, path in changed)
        more = f" and {len(others)} more" if others else ""
        yield f"{first}{more} changed: both sides restart."
