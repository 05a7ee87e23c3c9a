"""Amazon SNS: RSA over some fields of the message."""

import base64
import json
import re
from dataclasses import dataclass, replace

from ..bodies import has_twins
from ..errors import Unproved
from ..places import Places
from ..webhook import Webhook
from .base import Publishes
from .certificate import certificate_of, certified
from .encoding import decode_signature
from .location import Location
from .publickey import private_of
from .rsa import Rsa
from .signature import holds
from .times import check_time, rfc3339

WEEK = 604_800
OF_EVENT = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
OF_QUESTION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
ADDRESS = re.compile(
    r"https://sns\.([a-z0-9-]{3,30})\.amazonaws\.com(?:\.cn)?/SimpleNotificationService-[a-f0-9]{32,64}\.pem"
)


@dataclass(frozen=True, slots=True)
class Sns(Publishes):
    """Amazon SNS: RSA over some fields of the message, with the certificate of the topic's region.

    `topics` are the only ones let in: every AWS account can sign a message of its own topics. `versions` are the
    signature versions accepted: 2 is SHA-256, 1 is SHA-1. The message id is signed, so that a repetition is known for
    one however late it comes. https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
    """

    tolerance: int = WEEK
    versions: str = "2"
    topics: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        return ("topics",)

    def published(self, webhook: Webhook, secret: str) -> Location:
        return self._certificate_of(Places(webhook))

    def _certificate_of(self, message: Places) -> Location:
        topic, address = message.find("json:TopicArn") or "", message.find("json:SigningCertURL") or ""
        if topic not in self.topics:
            raise Unproved("topic")
        found = ADDRESS.fullmatch(address)
        if not found or found[1] != topic.split(":")[3]:
            raise Unproved("certificate-address")
        check_time(message.find("json:Timestamp") or "", message.webhook, self.tolerance)
        return Location(address, named=True)

    def verify(self, webhook: Webhook, secret: str) -> None:
        message = Places(webhook)
        self._certificate_of(message)
        # What is left out of the signature must not be there in another form.
        if has_twins(webhook.body) or not isinstance(message.document.get("Subject", ""), str | None):
            raise Unproved("body-uncovered")
        if not (signature := message.find("json:Signature")):
            raise Unproved("missing")
        if (version := message.find("json:SignatureVersion")) not in self.versions.split("|"):
            raise Unproved("algorithm")
        region = (message.find("json:TopicArn") or "").split(":")[3]
        certificate = certificate_of(secret, sns_names(region), webhook)
        scheme = Rsa("x", digest="sha256" if version == "2" else "sha1")
        given = decode_signature("base64", signature)
        if not holds(scheme, certificate.public_key(), given, self.message(message)):
            raise Unproved("mismatch")
        if not all(isinstance(message.document.get(name, ""), str) for name in OF_QUESTION):
            raise Unproved("body-uncovered")  # what is no text is not signed

    @staticmethod
    def message(places: Places) -> bytes:
        """What is signed: names and values, a line each; the subject only where there is one."""
        names = OF_EVENT if places.find("json:Type") == "Notification" else OF_QUESTION
        document = places.document if isinstance(places.document, dict) else {}
        lines = [(name, value) for name in names if isinstance(value := document.get(name), str)]
        return "".join(f"{name}\n{value}\n" for name, value in lines).encode(errors="surrogatepass")

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        topic = self.topics[0]
        body = json.loads(webhook.body) if isinstance(Places(webhook).document, dict) else {"Type": "Notification"}
        address = f"https://sns.{topic.split(':')[3]}.amazonaws.com/SimpleNotificationService-{'0' * 32}.pem"
        body |= {"TopicArn": topic, "SigningCertURL": address, "SignatureVersion": self.versions.partition("|")[0]}
        body["Timestamp"] = rfc3339(webhook, "milliseconds")
        unsigned = replace(webhook, body=json.dumps(body).encode())
        scheme = Rsa("x", digest="sha256" if body["SignatureVersion"] == "2" else "sha1")
        body["Signature"] = base64.b64encode(scheme.make(private_of(secret), self.message(Places(unsigned)))).decode()
        return replace(webhook, body=json.dumps(body).encode())

    def covers(self, place: str) -> bool:
        return place in [f"json:{name}" for name in OF_EVENT]

    def new_keys(self) -> tuple[str, str]:
        return certified("sns.amazonaws.com")


def sns_names(region: str) -> tuple[str, ...]:
    """Who signs in a region of AWS: newer regions, China and the government's have names of their own.

    https://github.com/aws/aws-sdk-java-v2 (services-custom/sns-message-manager, SnsHostProvider)
    """
    if region.startswith("cn-"):
        return (f"sns-{region}.amazonaws.com.cn",)
    if region.startswith("us-gov-"):
        return ("sns-us-gov-west-1.amazonaws.com",)
    return ("sns.amazonaws.com", f"sns-signing.{region}.amazonaws.com")
