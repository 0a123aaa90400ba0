"""Both targets of the same system, each behind a listener of its own, to be compared."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import replace

from portable.local.data.shared import with_data
from portable.local.launch.host import HostLauncher
from portable.local.launch.launcher import stop
from portable.local.listener.listener import Listener
from portable.local.run import Options, target_groups
from portable.local.start import start
from portable.local.view.view import View
from portable.manifests import agreement, secrets
from portable.manifests.different import marked
from portable.manifests.system import System, load
from portable.manifests.variables import differences
from portable.weights import Weights

GRACE = 5.0  # seconds for requests in flight at the end


@contextlib.asynccontextmanager
async def both_targets(
    options: Options, view: View, tasks: int | None = None, apart: bool = False
) -> AsyncIterator[dict[str, int]]:
    """Run both targets; yield the ports of their listeners, `{"lambda": …, "fargate": …}`.

    Both listeners say of themselves that they are on port 80, so that a request sees no
    difference between them. `tasks` is how many the Fargate side has, else as many as the
    manifest says; `apart` gives each side data of its own. Raises `PortableError` where the
    system does not start.
    """
    system = load(options.root, options.environment, {"LambdaWeight": 1, "FargateWeight": 1})
    agreement.check(system, options.root)
    names = marked(options.root) | options.variables.keys()
    for problem in (*differences(system, names), *secrets.differences(system, names)):
        view.notify(str(problem))
    system = secrets.filled(system, options.root, options.variables)
    if tasks:
        system = replace(system, service=replace(system.service, count=tasks))
    where = (options.root, options.environment, view.output, view.notify)
    async with (
        with_data(system, *where, options.data_endpoint, apart=apart) as system,
        _both_targets(system, options, view) as ports,
    ):
        yield ports


@contextlib.asynccontextmanager
async def _both_targets(
    system: System, options: Options, view: View
) -> AsyncIterator[dict[str, int]]:
    launcher = HostLauncher(
        system, options.root, options.app, options.variables, view.output, view.notify
    )
    groups = target_groups(system, launcher, options.max_sandboxes, view)
    balancer = system.load_balancer
    listeners = {
        group.name: Listener(
            [group],
            Weights.percent(group.name, 100),
            balancer.idle_timeout,
            balancer.drop_invalid_headers,
            view.access,
            random.Random(0),  # the same trace ids on both sides
        )
        for group in groups
    }
    try:
        await start(groups, view.progress, launcher.hint)
        ports = {}
        for name, listener in listeners.items():
            await listener.bind(0)
            await listener.start()
            ports[name], listener.port = listener.port, 80
        yield ports
    finally:
        await asyncio.gather(*(listener.aclose(GRACE) for listener in listeners.values()))
        await asyncio.gather(*(group.aclose() for group in groups))
        await stop(launcher.processes)
