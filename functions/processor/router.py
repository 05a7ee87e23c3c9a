"""Says which handlers an event is for."""

import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TypeVar

from .errors import Failure, Misconfigured
from .event import Event
from .matching import matches

Function = TypeVar("Function", bound=Callable[[Event], object])


@dataclass(frozen=True)
class Handler:
    """A function that handles events, and the name under which the ledger remembers that it has."""

    name: str
    function: Callable[[Event], object]

    def failure(self, event: Event) -> Failure | None:
        """Run the function; whatever it raises, `sys.exit` included, is its own failure and no other handler's."""
        try:
            if event.seconds_left <= 0:
                raise TimeoutError  # the lease would end under it
            self.function(event)
        except BaseException as error:
            return Failure.of(self.name, error)
        return None


@dataclass(frozen=True)
class Route:
    """What `on` said: the types, and perhaps the one source, that a handler is for."""

    pattern: str
    source: str | None
    handler: Handler

    def takes(self, event: Event) -> bool:
        """Compare an event with the route."""
        return self.source in (None, event.source) and matches(self.pattern, event.type)


routes: list[Route] = []


def on(type: str, source: str | None = None) -> Callable[[Function], Function]:  # noqa: A002
    """Give a function the events of a type, in which `*` is any text, from one source or from all.

    Several may stand above one function, which still gets each event once.
    """

    def register(function: Function) -> Function:
        routes.append(Route(type, source, _handler(function)))
        return function

    return register


def handlers_of(event: Event) -> list[Handler]:
    """List the handlers that an event is for, each once, in the order of their files."""
    return list({route.handler.name: route.handler for route in routes if route.takes(event)}.values())


def load(package: str) -> None:
    """Import every file of a package of handlers; the first that can't be imported stops the start."""
    for name in sorted(module.name for module in pkgutil.iter_modules(import_module(package).__path__)):
        try:
            import_module(f"{package}.{name}")
        except Exception as error:
            raise Misconfigured(f"handlers/{name}.py can't be imported: {error.__class__.__name__}: {error}") from error


def _handler(function: Callable[[Event], object]) -> Handler:
    """Check what can be checked at the start, so that it does not fail with the first event."""
    if not inspect.isfunction(function):
        raise Misconfigured(f"a handler is a function, not {function!r}")
    handler = Handler(f"{function.__module__.rpartition('.')[2]}.{function.__name__}", function)
    # An async function or a generator would return at once, its work not begun, and the event would count as done.
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise Misconfigured(f"{handler.name} is async or has a yield: a handler is a plain function")
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise Misconfigured(f"{handler.name} can't be called with one argument, the event: {error}") from error
    if any(route.handler.name == handler.name and route.handler != handler for route in routes):
        raise Misconfigured(f"two handlers are called {handler.name}: the ledger tells handlers apart by this name")
    return handler
