"""Lines: what connects to each provider, for as long as somebody needs it.

A line is opened when it is first asked for. Where the files are read again, a provider
that is the same keeps its line with all open connections; one that has changed or is
gone loses its line as soon as nobody is served over it any more. A request that began
before finds, or opens, what its own configuration said.
"""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol

from mitmproxy.utils import asyncio_utils

from config.settings import Provider


class Closing(Protocol):
    async def close(self) -> None: ...


class Line[T: Closing]:
    """One of them; whoever is served over it holds it in a `with`."""

    __slots__ = ("provider", "over", "users", "is_retired")

    def __init__(self, provider: Provider, over: T) -> None:
        self.provider = provider
        self.over = over
        self.users = 0
        self.is_retired = False

    def __enter__(self) -> T:
        self.users += 1
        return self.over

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.users -= 1
        self.close_if_done()

    def retire(self) -> None:
        self.is_retired = True
        self.close_if_done()

    def close_if_done(self) -> None:
        if self.is_retired and not self.users:
            asyncio_utils.create_task(
                self.over.close(), name="line", keep_ref=True
            )


class Lines[T: Closing]:
    """The lines of all providers, by their names."""

    def __init__(self, open_one: Callable[[Provider], T]) -> None:
        self.open_one = open_one
        self.lines: dict[str, Line[T]] = {}
        self.offered: Mapping[str, Provider] | None = None

    def to(self, provider: Provider) -> Line[T]:
        """The line to a provider as it is configured there."""
        line = self.lines.get(provider.name)
        if line is not None and is_same(line.provider, provider):
            return line
        made = Line(provider, self.open_one(provider))
        if self.offers(provider):
            self.lines[provider.name] = made
        else:
            # Of a configuration that is over: for this one request.
            made.is_retired = True
        return made

    def offers(self, provider: Provider) -> bool:
        """Whether a provider is in the configuration in force, as it is."""
        if self.offered is None:
            return True
        found = self.offered.get(provider.name)
        return found is not None and is_same(found, provider)

    def offer(self, providers: Mapping[str, Provider]) -> None:
        """From now on these are configured."""
        self.offered = providers
        for name, line in list(self.lines.items()):
            found = providers.get(name)
            if found is not None and is_same(found, line.provider):
                line.provider = found
            else:
                del self.lines[name]
                line.retire()

    async def close(self) -> None:
        lines, self.lines = self.lines, {}
        for line in lines.values():
            await line.over.close()


def is_same(one: Provider, other: Provider) -> bool:
    return one is other or one == other
