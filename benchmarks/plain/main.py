"""Our receiver, but each request makes a call of its own: what riding together brings is the difference."""

import os

from google.pubsub_v1 import PublishRequest, PubsubMessage

from functions.receiver import main
from functions.receiver.calls import within
from functions.receiver.deadline import Deadline
from functions.receiver.errors import Failed
from functions.receiver.message import Message
from functions.receiver.publisher import Publisher


class OneCallEach(Publisher):
    """Publishes one message per call, with the same client, deadline and retries."""

    def publish(self, message: Message, deadline: Deadline) -> str:
        """Return the message id once Pub/Sub has the message; Failed if it has not."""
        messages = [PubsubMessage(data=message.data, attributes=message.attributes)]
        try:
            sent = self._client().publish(PublishRequest(topic=self._topic, messages=messages), **within(deadline))
        except Exception as error:
            raise Failed("queue_down") from error
        return sent.message_ids[0]


main.PUBLISHER = OneCallEach(os.environ["TOPIC"])
receive = main.receive
