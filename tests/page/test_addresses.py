"""What is fetched for programs, and what never is."""

import time
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import gradio as gr
import pytest

from page import addresses
from page.addresses import (
    MAX_REDIRECTS,
    NOT_FETCHED,
    SERVED,
    TOO_SLOW,
    AddressError,
    fetch,
    file_name,
    is_public,
    served_file,
)
from tests.conftest import EXAMPLES
from tests.web import NAME, PUBLIC, ROOT, Web, customize_here, web

SOON = 10  # seconds
PICTURE = b"a picture of anybody"


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    with web() as server:
        customize_here(server, monkeypatch)
        server.pages["/a.jpg"] = PICTURE
        yield server


def test_a_public_file_is_fetched(internet: Web) -> None:
    assert fetch(f"{ROOT}/a.jpg", 1000, monotonic() + SOON) == PICTURE
    assert internet.asked == [(NAME, "/a.jpg")]


def test_an_address_without_a_name_is_fetched(internet: Web) -> None:
    assert fetch(f"http://{PUBLIC}:8080/a.jpg", 1000, monotonic() + SOON) == PICTURE


@pytest.mark.parametrize("to", ["/a.jpg", f"//{NAME}/a.jpg", f"{ROOT}/a.jpg"])
def test_redirects_are_followed_by_name(internet: Web, to: str) -> None:
    internet.pages["/moved"] = to
    assert fetch(f"{ROOT}/moved", 1000, monotonic() + SOON) == PICTURE
    assert internet.asked == [(NAME, "/moved"), (NAME, "/a.jpg")]


def test_redirects_end(internet: Web) -> None:
    internet.pages["/round"] = "/round"
    with pytest.raises(AddressError, match=NOT_FETCHED):
        fetch(f"{ROOT}/round", 1000, monotonic() + SOON)
    assert len(internet.asked) == MAX_REDIRECTS + 1


def test_a_redirect_into_the_own_network_is_not_followed(internet: Web) -> None:
    internet.pages["/inside"] = f"http://127.0.0.1:{internet.port}/a.jpg"
    internet.pages["/named"] = "http://localhost/a.jpg"
    for path in ("/inside", "/named"):
        with pytest.raises(AddressError, match=NOT_FETCHED):
            fetch(ROOT + path, 1000, monotonic() + SOON)
    assert [path for _, path in internet.asked] == ["/inside", "/named"]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0", "[::1]", "[::]",
        "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "user@127.0.0.1", "127.0.0.1.", "huggingface.co",
    ],
)  # fmt: skip
def test_nothing_of_the_own_network_is_asked(
    internet: Web, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(addresses, "PORTS", {internet.port})
    with pytest.raises(AddressError, match=NOT_FETCHED):
        fetch(f"http://{host}:{internet.port}/a.jpg", 1000, monotonic() + SOON)
    assert internet.asked == []


def test_ports_that_serve_no_pictures_are_left_alone(internet: Web) -> None:
    for port in (22, 25, 3306, 7860):
        with pytest.raises(AddressError, match=NOT_FETCHED):
            fetch(f"{ROOT}:{port}/a.jpg", 1000, monotonic() + SOON)
    assert internet.asked == []


@pytest.mark.parametrize(
    "address",
    [f"{ROOT}/missing", "http://", "http://no-such-host.invalid/a.jpg", "http://a b/", "http://[/"],
)
def test_what_cannot_be_fetched_is_told(internet: Web, address: str) -> None:
    with pytest.raises(AddressError, match=NOT_FETCHED):
        fetch(address, 1000, monotonic() + SOON)


def test_of_a_large_file_no_more_is_taken_than_is_of_use(internet: Web) -> None:
    assert len(fetch(f"{ROOT}/endless", 3_000_000, monotonic() + SOON)) == 3_000_001


def test_who_sends_slowly_is_not_waited_for(internet: Web) -> None:
    start = time.monotonic()
    with pytest.raises(AddressError, match=TOO_SLOW):
        fetch(f"{ROOT}/slow", 1000, start + 1)
    assert 0.9 < time.monotonic() - start < 5


def test_when_the_time_is_over_nobody_is_asked(internet: Web) -> None:
    with pytest.raises(AddressError, match=TOO_SLOW):
        fetch(f"{ROOT}/a.jpg", 1000, monotonic() - 1)
    assert internet.asked == []


@pytest.mark.parametrize(
    "ip",
    [
        "0.1.2.3", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1",
        "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
        "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::127.0.0.1", "::ffff:127.0.0.1",
        "::ffff:8.8.8.8", "64:ff9b::7f00:1", "2002:7f00:1::", "2001::1", "2001:db8::1", "nonsense",
    ],
)  # fmt: skip
def test_addresses_of_networks_of_ones_own_are_not_public(ip: str) -> None:
    assert not is_public(ip)


@pytest.mark.parametrize("ip", ["8.8.8.8", PUBLIC, "2001:4860:4860::8888", "2a00:1450::1"])
def test_addresses_of_the_internet_are_public(ip: str) -> None:
    assert is_public(ip)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://example.org/a/face%20one.jpg?size=2#top", "face one.jpg"),
        ("https://example.org/", "example.org"),
        ("https://example.org", "example.org"),
    ],
)
def test_the_name_of_a_file_is_that_in_its_address(address: str, name: str) -> None:
    assert file_name(address) == name


def test_own_uploads_and_examples_are_found_by_their_address_under_any_name_of_the_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    upload = tmp_path / "uploads" / "abc" / "my face.jpg"
    upload.parent.mkdir(parents=True)
    upload.write_bytes(PICTURE)
    other = tmp_path / "other.jpg"
    other.write_bytes(PICTURE)
    gr.set_static_paths([EXAMPLES])
    example = EXAMPLES / "lake_01.jpg"
    spelled = str(upload).replace(" ", "%20")
    for server in ("http://127.0.0.1:7860", "https://somebody-space.hf.space"):
        assert served_file(f"{server}{SERVED}{spelled}") == str(upload)
        assert served_file(f"{server}{SERVED}{example}") == str(example)
        for path in (
            other,
            upload.parent,
            "/etc/passwd",
            f"{upload.parent}/../../other.jpg",
            "%00",
        ):
            assert served_file(f"{server}{SERVED}{path}") is None
    assert served_file(f"http://127.0.0.1:7860/{upload}") is None
