"""Says which handlers an event is for."""

import inspect
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar, overload

from . import payload as payloads
from .errors import Failure, Misconfigured
from .event import Event
from .matching import matches

Function = TypeVar("Function", bound=Callable[[Event], object])
Payload = TypeVar("Payload")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Handler:
    """A function that handles events, the name under which the ledger remembers that it has, and what it is given."""

    name: str
    function: Callable[..., object]
    payload: Any = None

    def failure(self, event: Event) -> Failure | None:
        """Run the function; whatever it raises, `sys.exit` included, is its own failure and no other handler's."""
        try:
            if event.seconds_left <= 0:
                raise TimeoutError  # the lease would end under it
            self.function(event, *self._payload(event))
        except BaseException as error:
            return Failure.of(self.name, error)
        return None

    def _payload(self, event: Event) -> Sequence[object]:
        return () if self.payload is None else (payloads.read(event, self.payload),)


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


@overload
def on(type: str, source: str | None = None) -> Callable[[Function], Function]: ...
@overload
def on(
    type: str, source: str | None = None, *, payload: type[Payload]
) -> Callable[[Callable[[Event, Payload], Result]], Callable[[Event, Payload], Result]]: ...
def on(type: str, source: str | None = None, *, payload: Any = None) -> Any:  # noqa: A002
    """Give a function the events of a type, in which `*` is any text, from one source or from all.

    With `payload`, a pydantic model or any other type that pydantic reads, the body is its second argument; a body that
    is none is dead-lettered at once. Several `on` may stand above one function, which still gets each event once.
    """

    def register(function: Callable[..., object]) -> Callable[..., object]:
        routes.append(Route(type, source, _handler(function, payload)))
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
            calls = Failure.of(name, error).where.split(" < ")
            where = next((call.partition(" ")[0] for call in calls if call.startswith(f"{name}.py:")), f"{name}.py")
            raise Misconfigured(f"handlers/{where} can't be imported: {type(error).__name__}: {error}") from error


def _handler(function: Callable[..., object], payload: Any) -> Handler:
    """Check what can be checked at the start, so that it does not fail with the first event."""
    if not inspect.isfunction(function):
        raise Misconfigured(f"a handler is a function, not {function!r}")
    handler = Handler(f"{function.__module__.rpartition('.')[2]}.{function.__name__}", function, payload)
    # An async function or a generator would return at once, its work not begun, and the event would count as done.
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise Misconfigured(f"{handler.name} is async or has a yield: a handler is a plain function")
    given = ["the event"] if payload is None else ["the event", "its payload"]
    try:
        inspect.signature(function).bind(*given)
    except TypeError as error:
        raise Misconfigured(f"{handler.name} can't be called with {' and '.join(given)}: {error}") from error
    if payload is not None:
        payloads.adapter(payload)
    if any(route.handler.name == handler.name and route.handler != handler for route in routes):
        raise Misconfigured(f"two handlers are called {handler.name}: the ledger tells handlers apart by this name")
    return handler
