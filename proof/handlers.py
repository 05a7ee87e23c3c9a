"""What the processor does while it is tried: two effects for each event, and now and then no luck."""

EFFECTS = ("first", "second")
# Each effect is written down before anybody is told of it, in one call: a kill can't cut it.
HANDLERS = """
import os, random, time
from . import Event, GiveUp, on

RECORD = os.open(os.path.join(os.environ["EFFECTS"], "effects"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def work(name, event):
    if random.random() < 0.02:
        raise RuntimeError("no luck")
    os.write(RECORD, f"{name} {event.id} {os.getpid()}\\n".encode())

@on("shop.*")
def first(event: Event) -> None:
    if event.type == "shop.slow":
        time.sleep(14)
    work("first", event)

@on("shop.*")
def second(event: Event) -> None:
    work("second", event)

@on("shop.hopeless")
def third(event: Event) -> None:
    raise GiveUp("never")
"""
