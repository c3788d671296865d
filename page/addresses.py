"""Fetch the pictures and videos that programs name by address instead of uploading them.

A public server that opens any address for anybody would open the doors of its own network, too.
So every connection goes to an IP address that was checked before, one for each hop of a redirect,
and nothing is asked of the name a second time; what is fetched is bounded in bytes and seconds.
"""

import asyncio
import io
import socket
from ipaddress import IPv4Address, IPv6Network, ip_address
from pathlib import Path
from time import monotonic
from typing import IO
from urllib.parse import unquote, urlsplit

import httpx
from gradio.processing_utils import PUBLIC_HOSTNAME_WHITELIST
from gradio.utils import get_upload_folder, is_static_file
from gradio_client.utils import is_http_url_like
from safehttpx import matches_domain_whitelist

from fer_core import FerError, __version__

SECONDS = 10  # for an address, all in all
MAX_REDIRECTS = 5
PORTS = {80, 443, 8080}  # those to which a Space may connect
HEADERS = {
    "User-Agent": f"face-emotion-reader/{__version__}",
    "Accept-Encoding": "identity",  # so that bytes that come are bytes that are kept
}
SERVED = "/gradio_api/file="  # how this server spells the addresses of its own files
# Global unicast, without 6to4, whose addresses hide IPv4 addresses of any kind (RFC 4291, 3056).
UNICAST, SIX_TO_FOUR = IPv6Network("2000::/3"), IPv6Network("2002::/16")

NOT_FETCHED = (
    "This address cannot be fetched; please give the http or https address of a file that anybody "
    "can open, or upload the file."
)
TOO_SLOW = "This address answers too slowly; please upload the file instead."


class AddressError(FerError):
    """An address cannot be fetched, or must not be."""


def is_address(given: object) -> bool:
    """Whether something given is an http(s) address."""
    return isinstance(given, str) and is_http_url_like(given)


def file_name(address: str) -> str:
    """The name of the file that an address ends in, or its host."""
    parts = urlsplit(address)
    return Path(unquote(parts.path)).name or parts.netloc


def is_upload(path: str) -> bool:
    """Whether a path of this machine lies in the folder of uploads."""
    return Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())


def served_file(address: str) -> str | None:
    """Find the file that this server itself serves under an address.

    Gradio's tools name an upload by the address under which the server gives it back. Fetching that
    would fail where the server's own name leads into its own network, as it does on most machines.

    Returns:
        The path of an upload or an example, or None. The host is not looked at: no name of an
        upload can be guessed.
    """
    _, mark, path = unquote(urlsplit(address).path).partition(SERVED)
    try:
        ours = bool(mark) and Path(path).is_file() and (is_upload(path) or is_static_file(path))
    except (OSError, ValueError):  # a null character, or a name that is too long
        return None
    return path if ours else None


def fetch(address: str, max_bytes: int, until: float) -> bytes:
    """Fetch a file.

    Args:
        address: http or https.
        max_bytes: that are of use; of a larger file one byte more is given.
        until: when it must be there, in seconds of `time.monotonic`.

    Returns:
        The file's bytes.

    Raises:
        AddressError: it cannot be fetched, must not be, or takes too long.
    """
    to = io.BytesIO()
    fetch_into(to, address, max_bytes, until)
    return to.getvalue()


def fetch_into(to: IO[bytes], address: str, max_bytes: int, until: float) -> None:
    """Fetch a file into an open one; arguments and errors are those of `fetch`."""
    try:
        asyncio.run(_fetch(to, address, max_bytes, until - monotonic()))
    except TimeoutError as error:
        raise AddressError(TOO_SLOW) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise AddressError(NOT_FETCHED) from error


async def _fetch(to: IO[bytes], address: str, max_bytes: int, seconds: float) -> None:
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(
            transport=_PublicTransport(),
            headers=HEADERS,
            timeout=seconds,
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
        ) as client,
        client.stream("GET", address) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise AddressError(NOT_FETCHED)
        left = max_bytes + 1
        async for chunk in response.aiter_raw():
            left -= to.write(chunk[:left])
            if left == 0:
                break


class _PublicTransport(httpx.AsyncHTTPTransport):
    """Connects to public addresses only, to the very ones that were checked."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Ask the checked address; certificates are still those of the name."""
        url, host = request.url, request.url.raw_host.decode("ascii")
        port = url.port or (443 if url.scheme == "https" else 80)
        if port not in PORTS:
            raise AddressError(NOT_FETCHED)
        # Inside of Spaces these names lead to internal addresses (as Gradio's list of them tells);
        # that it is Hugging Face who answers there is shown by the certificate.
        trusted = url.scheme == "https" and matches_domain_whitelist(
            host, PUBLIC_HOSTNAME_WHITELIST
        )
        if not trusted:
            url = url.copy_with(host=await _public_ip(host, port))
        return await super().handle_async_request(
            httpx.Request(
                request.method,
                url,
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
        )


async def _public_ip(host: str, port: int) -> str:
    """A public IP address of a host, IPv4 where it has both.

    Raises:
        AddressError: it has none.
        OSError: its name is not known.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    public = sorted({str(at[0]) for *_, at in found if is_public(str(at[0]))}, key=_version)
    if not public:
        raise AddressError(NOT_FETCHED)
    return public[0]


def _version(ip: str) -> int:
    return ip_address(ip).version


def is_public(ip: str) -> bool:
    """Whether an IP address is one of the internet, and not of a network of one's own."""
    try:
        address = ip_address(ip)
    except ValueError:  # with a zone: link-local
        return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return isinstance(address, IPv4Address) or (address in UNICAST and address not in SIX_TO_FOUR)
