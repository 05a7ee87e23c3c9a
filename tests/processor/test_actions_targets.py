"""Where an action goes, and where it never does."""

import socket
import traceback
from http.server import BaseHTTPRequestHandler
from secrets import token_hex
from typing import Any

import pytest

from functions.processor.actions import relay
from functions.processor.actions.target import Target, is_public
from functions.processor.errors import GiveUp, Misconfigured, NotTaken
from functions.processor.event import Event
from tests.processor.targets import HOST, PUBLIC, Internet, Place

EVENT = Event(type="shop.order", source="shop", id="1", data=b'{"order": 1}')

PRIVATE = {
    "loopback": "127.0.0.1",
    "all of loopback": "127.255.255.254",
    "unspecified": "0.0.0.0",
    "this network": "0.1.2.3",
    "private A": "10.0.0.1",
    "private B": "172.16.0.1",
    "the end of private B": "172.31.255.255",
    "private C": "192.168.0.1",
    "carrier-grade NAT": "100.64.0.1",
    "link-local": "169.254.1.1",
    "the metadata server": "169.254.169.254",
    "protocol assignments": "192.0.0.8",
    "documentation": "203.0.113.1",
    "benchmarks": "198.18.0.1",
    "6to4 relays": "192.88.99.1",
    "multicast": "224.0.0.1",
    "multicast of one's own": "239.255.255.250",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "IPv6 loopback": "::1",
    "IPv6 unspecified": "::",
    "IPv6 link-local": "fe80::1",
    "IPv6 link-local with a zone": "fe80::1%1",
    "IPv6 unique local": "fc00::1",
    "the metadata server over IPv6": "fd20:ce::254",
    "IPv6 site-local": "fec0::1",
    "IPv6 multicast": "ff02::1",
    "IPv6 multicast on the internet": "ff0e::1",
    "IPv4-mapped loopback": "::ffff:127.0.0.1",
    "IPv4-mapped internet": "::ffff:8.8.8.8",
    "IPv4-compatible": "::127.0.0.1",
    "NAT64 to the metadata server": "64:ff9b::a9fe:a9fe",
    "NAT64 of one's own": "64:ff9b:1::a00:1",
    "6to4 to a private address": "2002:a00:1::1",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "ORCHID": "2001:20::1",
    "IPv6 documentation": "2001:db8::1",
    "newer IPv6 documentation": "3fff::1",
    "IPv6 discard": "100::1",
    "segment routing": "5f00::1",
}


@pytest.mark.parametrize("address", PRIVATE.values(), ids=PRIVATE)
def test_a_name_that_leads_into_a_network_is_given_up(
    internet: Internet, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    url = internet.lead(HOST, address)
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("it connected"))
    with pytest.raises(GiveUp, match=f"^https://{HOST} is not on the internet"):
        relay(EVENT, url)


@pytest.mark.parametrize("address", [a for a in PRIVATE.values() if "%" not in a])
def test_an_address_in_a_network_is_given_up(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("it connected"))
    with pytest.raises(GiveUp, match="is not on the internet"):
        relay(EVENT, f"https://[{address}]/" if ":" in address else f"https://{address}/")


@pytest.mark.parametrize("disguise", ["127.1", "0x7f.1", "2130706433", "0177.0.0.1", "localhost", "0", "LOCALHOST"])
def test_an_address_in_disguise_is_given_up(monkeypatch: pytest.MonkeyPatch, disguise: str) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("it connected"))
    with pytest.raises(GiveUp, match="is not on the internet"):
        relay(EVENT, f"https://{disguise}/")


@pytest.mark.parametrize("addresses", [[PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC]], ids=["last", "first"])
def test_one_private_address_among_public_ones_is_enough(internet: Internet, addresses: list[str]) -> None:
    with pytest.raises(GiveUp, match="is not on the internet"):
        relay(EVENT, internet.lead(HOST, *addresses))


@pytest.mark.parametrize("address", ["8.8.8.8", PUBLIC, "192.0.1.1", "223.255.255.255", "2606:4700::1111", "2a00::1"])
def test_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_a_name_that_leads_elsewhere_the_second_time_is_looked_up_once(secure: Place, internet: Internet) -> None:
    url = internet.lead(HOST, PUBLIC, to=secure)
    internet.names[HOST].append(["127.0.0.1"])  # where nobody listens on 443
    relay(EVENT, url)
    assert (len(secure.taken), internet.asked) == (1, [HOST])


def test_the_name_stays_that_of_the_url_though_an_address_is_connected_to(secure: Place, internet: Internet) -> None:
    relay(EVENT, internet.lead(HOST, PUBLIC, to=secure) + "?a=%20b")
    (taken,) = secure.taken
    assert (secure.sni, taken["Host"], taken.path) == ([HOST], HOST, "/hooks?a=%20b")


def test_a_port_is_part_of_the_name_in_the_request(place: Place) -> None:
    relay(EVENT, place.url, allow_private=True)
    assert place.taken[0]["Host"] == f"127.0.0.1:{place.port}"


def test_a_certificate_for_another_name_is_not_taken(secure: Place, internet: Internet) -> None:
    with pytest.raises(NotTaken, match="can't be reached: SSLCertVerificationError"):
        relay(EVENT, internet.lead("other.example.com", PUBLIC, to=secure))
    assert secure.taken == []


def test_a_certificate_for_the_name_does_not_do_for_its_address(secure: Place) -> None:
    with pytest.raises(NotTaken, match="can't be reached: SSLCertVerificationError"):
        relay(EVENT, secure.url, allow_private=True)


def test_a_certificate_of_nobody_known_is_not_taken(
    secure: Place, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(NotTaken, match="can't be reached: SSLCertVerificationError"):
        relay(EVENT, internet.lead(HOST, PUBLIC, to=secure))
    assert secure.taken == []


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"])
def test_no_proxy_of_the_environment_is_used(place: Place, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    relay(EVENT, place.url, allow_private=True)
    assert len(place.taken) == 1


def test_no_password_of_a_netrc_and_no_cookie_is_sent(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hush\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    place.answer(200, Set_Cookie="session=1; Path=/")
    relay(EVENT, place.url, allow_private=True)
    relay(EVENT, place.url, allow_private=True)
    assert [(taken["Authorization"], taken["Cookie"]) for taken in place.taken] == [(None, None)] * 2


WRONG_URLS = {
    "a variable that is not set": None,
    "empty": "",
    "no scheme": "hooks.example.com/",
    "another scheme": "ftp://hooks.example.com/",
    "a file": "file:///etc/passwd",
    "a user name": "https://me@hooks.example.com/",
    "a password": "https://me:hush@hooks.example.com/",
    "a host behind a backslash": "https://hooks.example.com\\@127.0.0.1/",
    "a fragment": "https://hooks.example.com/#hush",
    "a blank": "https://hooks.example.com/a b?hush",
    "a new line": "https://hooks.example.com/\r\nX: hush",
    "a new line at the end": "https://hooks.example.com/hush\n",
    "a scheme that only looks like one": "httpſ://hooks.example.com/hush",
    "a host that only looks like one": "https://hookſ.example.com/hush",
    "letters beyond ASCII": "https://höoks.example.com/hush",
    "a number that only looks like one": "https://hooks.example.com:４４３/hush",
    "no host": "https:///hush",
    "an escaped host": "https://hooks%2eexample.com/hush",
    "port 0": "https://hooks.example.com:0/hush",
    "port 70000": "https://hooks.example.com:70000/hush",
    "a zone": "https://[fe80::1%25eth0]/hush",
    "half a bracket": "https://[::1/hush",
    "http": "http://hooks.example.com/hush",
}


@pytest.mark.parametrize("url", WRONG_URLS.values(), ids=WRONG_URLS)
def test_a_url_that_is_none_is_our_own_mistake_and_never_repeated(url: Any) -> None:
    with pytest.raises(Misconfigured, match="the URL") as raised:
        relay(EVENT, url)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 541])
def test_a_timeout_is_a_number_of_seconds(place: Place, timeout: float) -> None:
    with pytest.raises(Misconfigured, match="timeout is"):
        relay(EVENT, place.url, allow_private=True, timeout=timeout)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Hooks.Example.com", ("https", HOST, 443, "/", f"https://{HOST}")),
        ("https://hooks.example.com:443?a=b", ("https", HOST, 443, "/?a=b", f"https://{HOST}")),
        ("HTTP://[::1]:8080/a?b", ("http", "::1", 8080, "/a?b", "http://[::1]:8080")),
        ("https://hooks.example.com//evil.com/", ("https", HOST, 443, "//evil.com/", f"https://{HOST}")),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: tuple[str, str, int, str, str]) -> None:
    target = Target.of(url, allow_private=True)
    assert (target.scheme, target.host, target.port, target.path, target.origin) == expected


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"nonsense\r\n\r\n")


@pytest.mark.parametrize("answer", [200, 404, 503, nonsense], ids=["taken", "refused", "not taken", "broken"])
def test_no_text_ever_holds_what_is_secret_in_a_url(
    place: Place, capfd: pytest.CaptureFixture[str], answer: Any
) -> None:
    path, query, said = token_hex(), token_hex(), ""
    place.answer(answer, body={"error": {"message": query, "status": "FAILED"}})
    try:
        relay(EVENT, f"{place.url}/{path}?{query}", allow_private=True)
    except (NotTaken, GiveUp) as error:
        said = "".join(traceback.format_exception(error))
    said += "".join(capfd.readouterr())
    assert place.taken[0].path == f"/{path}?{query}"
    assert path not in said
    assert query not in said
