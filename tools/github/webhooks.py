"""Knows where GitHub keeps the webhooks of a repository, an organisation or an app, and their deliveries."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from pydantic import BaseModel
from tqdm import tqdm

from .client import Client
from .deliveries import Delivery


class Config(BaseModel):
    """What GitHub says of where a webhook sends to."""

    url: str | None = None


class Item(BaseModel):
    """What GitHub says of a webhook or an app."""

    id: int
    config: Config = Config()


@dataclass(frozen=True)
class Webhook:
    """A webhook, with the path of its deliveries in the API; an app's has no id, and the app's stands for it."""

    client: Client
    id: int
    url: str
    path: str

    @property
    def address(self) -> str:
        """Its URL without user, password and query, where someone may have put a secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"

    def sends_to(self, path: str) -> bool:
        """Whether the path of its URL ends so."""
        return urlsplit(self.url).path.rstrip("/").endswith(path)

    def deliveries(self, since: datetime) -> list[Delivery]:
        """The attempts to deliver since then, those that succeeded too.

        GitHub's own filter by status is no help: what got no answer is in none of its classes.
        """
        found: list[Delivery] = []
        for page in tqdm(self.client.pages(list[Delivery], self.path), unit=" pages", delay=2, leave=False):
            found += [delivery for delivery in page if delivery.delivered_at >= since]
            if any(delivery.delivered_at < since for delivery in page):  # the newest come first
                break
        return found

    def redeliver(self, delivery: Delivery) -> None:
        """Ask for another attempt; GitHubError if GitHub does not accept that."""
        self.client.post(f"{self.path}/{delivery.id}/attempts")


@dataclass(frozen=True)
class Place:
    """Where webhooks are set up: path in the API, and what a token needs for its deliveries."""

    path: str
    needs: str

    def webhooks(self, client: Client) -> Iterator[Webhook]:
        """The webhooks there are."""
        if self is APP:
            app, config = client.get(Item, "app"), client.get(Config, "app/hook/config")
            yield Webhook(client, app.id, config.url or "", "app/hook/deliveries")
        else:
            for page in client.pages(list[Item], f"{self.path}/hooks"):
                for item in page:
                    yield Webhook(client, item.id, item.config.url or "", f"{self.path}/hooks/{item.id}/deliveries")


APP = Place("app", "a JWT of the app, which lasts 10 minutes at most")


def kept(api: str) -> timedelta:
    """How long a delivery can be asked for: 3 days, on an Enterprise Server 7.

    https://docs.github.com/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks
    """
    return timedelta(days=7 if api.endswith("/api/v3") else 3)
