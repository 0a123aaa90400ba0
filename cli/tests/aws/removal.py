"""The end of resources: those of a stack that goes, and those that an update leaves behind."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress

from tests.aws.actors import ResourceFailed
from tests.aws.changes import order, references
from tests.aws.region import Region
from tests.aws.resources import Resources
from tests.aws.stack import Member, Stack
from tests.aws.template import depends_on


class Removal:
    """Deletes members, or keeps them where the template says so."""

    def __init__(self, region: Region, resources: Resources) -> None:
        self.region, self.resources = region, resources

    def members(
        self, stack: Stack, names: list[str], retained: Sequence[str] = (), creation: bool = False
    ) -> Generator[float, None, list[str]]:
        """Delete members in this order and return those that failed.

        What such a one depends on stays, too. With `creation` no policy keeps what was created.
        """
        failed: list[str] = []
        needed: set[str] = set()
        for name in names:
            member = stack.members[name]
            if name in retained or (not creation and member.keeps("DeletionPolicy")):
                self.resources.keep(stack, member)
                del stack.members[name]
                continue
            if name in needed:
                needed |= _needs(member)
                continue
            try:
                yield from self.resources.delete(stack, member)
            except ResourceFailed:
                failed.append(name)
                needed |= _needs(member)
                continue
            del stack.members[name]
        return failed

    def leftovers(self, stack: Stack, left: list[Member]) -> Iterator[float]:
        """Delete what is not in the stack any more."""
        for member in left:
            with suppress(ResourceFailed):  # the event says so; CloudFormation goes on without it
                yield from self.resources.delete(stack, member)

    def order(self, stack: Stack) -> list[str]:
        """Return the members of a stack, each before what it depends on."""
        if stack.deployed is None:
            return [*reversed(stack.members)]
        template = stack.deployed.template
        evaluator = self.region.evaluator(stack, template, stack.deployed.values)
        known = [name for name in order(template, evaluator) if name in stack.members]
        other = [name for name in stack.members if name not in known]
        return [*reversed(other), *reversed(known)]


def _needs(member: Member) -> set[str]:
    return {*references(member.definition), *depends_on(member.definition)}
