"""The asynchronous client: many streams at once."""

import asyncio

import openai
import pytest

from conftest import connect_async, user, words, x_mock


def run(function, **options):
    """Runs function(client) in an event loop of its own."""
    async def main():
        async with connect_async(**options) as c:
            return await function(c)

    return asyncio.run(main())


async def read(stream):
    text = []
    last = None

    async for chunk in stream:
        last = chunk.choices[0]
        text.append(last.delta.content or "")

    return "".join(text), last.finish_reason


def test_whole():
    async def go(c):
        return await c.chat.completions.create(
            model="mock-model", messages=user("hi"))

    assert run(go).choices[0].message.content == words("main", 8)


def test_stream():
    async def go(c):
        return await read(await c.chat.completions.create(
            model="mock-model", messages=user("hi"), stream=True))

    assert run(go) == (words("main", 8), "stop")


def test_streams_at_once(node):
    """50 of them, each of another length, overlapping at the node."""
    async def one(c, n):
        return await read(await c.chat.completions.create(
            model=node.model, messages=user("hi"), stream=True,
            **x_mock(f"tokens={n};pace=10")))

    async def go(c):
        return await asyncio.gather(*(one(c, n) for n in range(20, 70)))

    assert run(go) == [(words(node.model, n), "stop") for n in range(20, 70)]
    stats = node.wait(in_flight=0, completed=50, aborted=0)
    assert stats["max_in_flight"] >= 25


def test_requests_at_once(node):
    """Whole answers, embeddings and lists of models, all mixed."""
    async def go(c):
        return await asyncio.gather(*(
            c.chat.completions.create(
                model=node.model, messages=user("hi"),
                **x_mock(f"tokens={n};delay=20")) if n % 3
            else c.embeddings.create(model=node.model, input=["x"] * n)
            for n in range(1, 61)))

    replies = run(go)

    for n, reply in enumerate(replies, 1):
        if n % 3:
            assert reply.usage.completion_tokens == n
            assert reply.choices[0].message.content == words(node.model, n)
        else:
            assert len(reply.data) == n

    node.wait(in_flight=0, completed=60)


def test_cancelled_task(node):
    async def go(c):
        begun = asyncio.Event()

        async def one():
            stream = await c.chat.completions.create(
                model=node.model, messages=user("hi"), stream=True,
                **x_mock("tokens=500;pace=20"))
            async for _ in stream:
                begun.set()

        task = asyncio.create_task(one())
        await asyncio.wait_for(begun.wait(), 5)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

    run(go)
    node.wait(in_flight=0, aborted=1, completed=0)


def test_many_cancelled(node):
    """20 streams that are all left half-way: no slot stays taken."""
    async def one(c):
        stream = await c.chat.completions.create(
            model=node.model, messages=user("hi"), stream=True,
            **x_mock("tokens=500;pace=20"))
        async for _ in stream:
            break
        await stream.close()

    async def go(c):
        await asyncio.gather(*(one(c) for _ in range(20)))

    run(go)
    node.wait(in_flight=0, aborted=20, requests=20)


@pytest.mark.router
def test_wrong_key():
    async def go(c):
        with pytest.raises(openai.AuthenticationError) as e:
            await c.models.list()
        return e.value

    error = run(go, api_key="sk-sdk-nobody")
    assert error.code == "invalid_api_key"


@pytest.mark.router
def test_broken_stream(node):
    async def go(c):
        seen = []
        with pytest.raises(openai.APIError) as e:
            async for chunk in await c.chat.completions.create(
                    model=node.model, messages=user("hi"), stream=True,
                    **x_mock("tokens=9;pace=5;reset=mid;after=3")):
                seen.append(chunk.choices[0])
        return seen, e.value

    seen, error = run(go)
    assert error.code == "upstream_error"
    assert "".join(s.delta.content or "" for s in seen) == (
        words(node.model, 3))
    assert {s.finish_reason for s in seen} == {None}


@pytest.mark.router
def test_one_broken_stream_hurts_no_other(node):
    async def one(c, how):
        return await read(await c.chat.completions.create(
            model=node.model, messages=user("hi"), stream=True,
            **x_mock("tokens=30;pace=10;" + how)))

    async def go(c):
        return await asyncio.gather(
            one(c, ""), one(c, "reset=mid;after=5"), one(c, ""),
            return_exceptions=True)

    first, second, third = run(go)
    assert first == third == (words(node.model, 30), "stop")
    assert isinstance(second, openai.APIError)
