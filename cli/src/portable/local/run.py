"""The local run: brings the system up from its manifests, and down again."""

import asyncio
import contextlib
import os
import signal
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from portable.errors import PortableError
from portable.local.data.shared import with_data
from portable.local.fargate_side.ip_target_group import IPTargetGroup
from portable.local.lambda_side.lambda_target_group import LambdaTargetGroup
from portable.local.launch.containers import DockerLauncher, gateway
from portable.local.launch.debugged import DAY
from portable.local.launch.debugger import DebugLauncher, patient
from portable.local.launch.host import HostLauncher
from portable.local.launch.launcher import Launcher, stop
from portable.local.listener.access import Access
from portable.local.listener.listener import Listener
from portable.local.operate.faults import FaultyTargetGroup
from portable.local.operate.operations import Operations
from portable.local.processes import reaper
from portable.local.reload import changes
from portable.local.start import start
from portable.local.view.view import View
from portable.manifests import agreement, secrets
from portable.manifests.alarms import alarms
from portable.manifests.different import marked
from portable.manifests.system import System, load
from portable.manifests.variables import differences
from portable.manifests.workers import several_workers
from portable.weights import Weights


@dataclass(frozen=True)
class Options:
    """What the user asks for."""

    root: Path
    environment: str = "test"
    port: int = 8080
    weights: Mapping[str, int] = field(default_factory=dict)
    app: str | None = None
    docker: bool = False
    max_sandboxes: int = 20
    variables: Mapping[str, str] = field(default_factory=dict)
    alarm_period: float = 5.0  # seconds that a minute of the alarms takes
    debug: bool = False  # one process with the terminal, for a debugger
    reload: bool = False  # restart both sides when files change
    data_endpoint: str | None = None  # a DynamoDB of one's own
    failover: bool = False  # as with Failover = "enabled" in samconfig.toml


async def run(options: Options, view: View) -> None:
    """Run the system until it is cancelled; raise `PortableError` if it cannot start."""
    system = load(options.root, options.environment, dict(options.weights))
    agreement.check(system, options.root)
    names = marked(options.root) | options.variables.keys()
    problems = (*differences(system, names), *secrets.differences(system, names))
    for problem in (*problems, *several_workers(system)):
        view.progress(str(problem))
    system = secrets.filled(system, options.root, options.variables)
    if options.debug:
        system = patient(system)
    host = gateway() if options.docker else "127.0.0.1"
    where = (options.root, options.environment, view.output, view.progress)
    async with with_data(system, *where, options.data_endpoint, host) as system:
        await _run(system, options, view)


async def _run(system: System, options: Options, view: View) -> None:
    def output(name: str, line: str) -> None:
        view.output(name, line)
        operations.metrics.line(line)

    launcher: Launcher
    if options.docker:
        launcher = DockerLauncher(system, options.variables, output)
    else:
        kind = DebugLauncher if options.debug else HostLauncher
        launcher = kind(system, options.root, options.app, options.variables, output, view.progress)
    groups = target_groups(system, launcher, 1 if options.debug else options.max_sandboxes, view)
    if options.debug:
        groups[1].START_TIMEOUT = DAY
    faults = {group.name: FaultyTargetGroup(group) for group in groups}
    balancer = system.load_balancer

    def log(access: Access) -> None:
        view.access(access)
        operations.metrics.record(access)

    def tell(weights: Weights) -> None:
        view.summary.weights_changed(weights)
        view.event(f"The weights are {weights}.")

    listener = Listener(
        list(faults.values()),
        balancer.weights,
        balancer.idle_timeout,
        balancer.drop_invalid_headers,
        log,
        on_weights=tell,
        rules=balancer.rules,
    )
    operations = Operations(
        options.environment,
        listener,
        *groups,
        faults,
        alarms(options.root, options.environment, options.failover),
        options.alarm_period,
        view.event,
        {
            "root": str(options.root),
            "environment": options.environment,
            "app": options.app,
            "variables": {**system.service.variables, **options.variables},
            "stop_timeout": system.service.stop_timeout,
        },
    )
    reloading: asyncio.Task[None] | None = None
    try:
        try:
            await listener.bind(options.port)  # a taken port is known before anything starts
            await start(groups, view.progress, launcher.hint)
            await listener.start()
        except OSError as error:
            message = f"cannot listen on 127.0.0.1:{options.port}: {os.strerror(error.errno or 0)}"
            raise PortableError(f"{message}. Choose another port with --port.") from None
        await operations.start()
        if options.reload:
            folders = {launcher.folder, options.root / "src"}
            reloading = asyncio.create_task(operations.reload(changes(sorted(folders))))
        view.open(groups, listener.weights, listener.url)
        await asyncio.get_running_loop().create_future()  # until a signal cancels it
    finally:
        _kill_on_second_signal(launcher)
        if reloading is not None:
            reloading.cancel()
            await asyncio.gather(reloading, return_exceptions=True)
        await operations.aclose()
        await listener.aclose(system.service.stop_timeout)
        view.close()
        await asyncio.gather(*(group.aclose() for group in groups))
        await stop(launcher.processes)


def target_groups(
    system: System, launcher: Launcher, max_sandboxes: int, view: View
) -> tuple[LambdaTargetGroup, IPTargetGroup]:
    """Return the two target groups of the manifests, not started."""
    function = system.load_balancer.group("lambda")
    fargate = system.load_balancer.group("ip")
    return (
        LambdaTargetGroup(
            "lambda",
            function.multi_value_headers,
            function.check,
            max_sandboxes,
            launcher.sandbox,
            view.notify,
        ),
        IPTargetGroup(
            "fargate",
            fargate.check,
            system.service.count,
            system.service.stop_timeout,
            fargate.deregistration_delay,
            launcher.task,
            view.notify,
        ),
    )


async def run_until_signal(options: Options, view: View) -> None:
    """Run the system until a signal ends it, or nobody reads any more what the view shows."""
    running = asyncio.create_task(run(options, view))
    view.on_closed = running.cancel
    _on_signals(running.cancel)
    _on_reader_gone(running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


def _on_reader_gone(react: Callable[[], object]) -> None:
    """Call `react` when the output is a pipe that nobody reads any more, even if all is quiet."""
    loop = asyncio.get_running_loop()

    def gone(descriptor: int) -> None:
        loop.remove_reader(descriptor)
        react()

    for stream in (sys.stdout, sys.stderr):
        descriptor = stream.fileno()
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            loop.add_reader(descriptor, gone, descriptor)  # an error wakes a reader


def _kill_on_second_signal(launcher: Launcher) -> None:
    def kill() -> None:
        for process in launcher.processes:
            process.signal_group(signal.SIGKILL)
        reaper.close()
        os._exit(130)

    _on_signals(kill)


def _on_signals(react: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue  # `nohup` wants the run to outlive the terminal
        loop.add_signal_handler(number, react)
