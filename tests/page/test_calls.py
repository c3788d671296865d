"""Which events a program may ask for."""

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from page.calls import NO_EVENT, KnownEvents


def asked(event: str, queue: Any) -> httpx.Response:
    """What is said to a program that asks for an event."""

    async def gradio(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("event: complete")(scope, receive, send)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        blocks = SimpleNamespace(_queue=queue)
        scope["app"] = SimpleNamespace(get_blocks=lambda: blocks)
        known: ASGIApp = KnownEvents(gradio)
        await known(scope, receive, send)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.get(f"/gradio_api/call/predict/{event}")

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("event", "status"),
    [("waiting", 200), ("told", 404), ("never", 404)],
)
def test_an_answer_is_fetched_once(event: str, status: int) -> None:
    """An event whose answer was sent may be among Gradio's events for a moment."""
    queue = SimpleNamespace(
        event_ids_to_events={"waiting": object(), "told": object()},
        pending_event_ids_session={"session": {"waiting"}, "other": set()},
    )
    told = asked(event, queue)
    assert told.status_code == status
    assert status == 200 or told.json()["detail"] == NO_EVENT
