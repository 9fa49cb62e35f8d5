"""One of two nodes fails before its answer: the client never learns of it."""

import openai
import pytest

from conftest import user

pytestmark = pytest.mark.router


def create(client, model, **options):
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=user("hi"), **options)
    reply = raw.parse()

    if not options.get("stream"):
        return raw, reply.choices[0].message.content

    return raw, "".join(c.choices[0].delta.content or "" for c in reply)


@pytest.mark.parametrize("stream,fault", [
    (True, "reset=before"), (True, "close=headers"), (True, "status=500"),
    (False, "reset=before"), (False, "status=429")])
def test_the_other_node_answers(client, pair, stream, fault):
    bad, good = pair
    bad.set(fault)
    texts = []

    for _ in range(4):
        raw, text = create(client, bad.model, stream=stream)
        assert raw.headers["x-llm-router-node"] == bad.model + "b"
        texts.append(text)

    assert all(t.startswith("Hello from over-") and t.endswith(" w7")
               for t in texts)
    assert len(set(texts)) == 1
    assert bad.stats()["requests"] >= 1
    assert good.wait(in_flight=0)["requests"] == 4


def test_the_client_s_fault_is_not_tried_again(client, pair):
    for node in pair:
        node.set("status=400")

    with pytest.raises(openai.BadRequestError) as e:
        create(client, pair[0].model)

    assert e.value.code == "mock"
    assert sum(node.stats()["requests"] for node in pair) == 1
