"""What a browser asks a Gradio app for when somebody opens a page or sends a file."""

import json
import re
import secrets

import httpx

_CONFIG = re.compile(r"window\.gradio_config = (\{.*?\});?</script>", re.DOTALL)


class Failed(Exception):
    """An app did not answer as it should."""


def expect(holds: bool, told: str) -> None:
    """Raise ``Failed`` unless something holds."""
    if not holds:
        raise Failed(told[:200])


async def hand_in(client: httpx.AsyncClient, content: bytes) -> None:
    """Send a file as the upload component does."""
    answer = await client.post(
        "/gradio_api/upload", files={"files": ("fares.csv", content)}
    )
    expect(answer.status_code == 200, answer.text)


async def open_page(client: httpx.AsyncClient, path: str) -> None:
    """Get a page and the data of all parts that it loads, as its script does."""
    answer = await client.get(path)
    expect(answer.status_code == 200, f"{path}: {answer.status_code}")
    told = _CONFIG.search(answer.text)
    if told is None:
        return
    session = secrets.token_hex(6)
    waiting = set()
    for handler in json.loads(told[1])["dependencies"]:
        if any(event == "load" for _, event in handler["targets"]):
            joined = await client.post(
                "/gradio_api/queue/join",
                params=dict(answer.url.params),
                json={
                    "data": [None] * len(handler["inputs"]),
                    "fn_index": handler["id"],
                    "session_hash": session,
                    "trigger_id": None,
                    "event_data": None,
                },
            )
            expect(joined.status_code == 200, joined.text[:100])
            waiting.add(joined.json()["event_id"])
    stream = client.stream(
        "GET", "/gradio_api/queue/data", params={"session_hash": session}
    )
    async with stream as messages:
        async for line in messages.aiter_lines():
            if not waiting:
                break
            if line.startswith("data:"):
                message = json.loads(line.removeprefix("data:"))
                if message["msg"] == "process_completed":
                    expect(message["success"], f"{path}: {message['output']}")
                    waiting.discard(message["event_id"])
