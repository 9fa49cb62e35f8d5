"""The other endpoints: JSON, multipart, bytes, lists of models."""

import hashlib
import io
import json

import openai
import pytest

from conftest import connect, words, x_mock


def test_completion(client):
    reply = client.completions.create(model="mock-model", prompt="a b c d")

    assert reply.object == "text_completion"
    assert reply.choices[0].text == words("main", 8)
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.prompt_tokens == 4
    assert reply.usage.completion_tokens == 8


def test_completion_stream(client):
    chunks = list(client.completions.create(
        model="mock-model", prompt="a b", stream=True))

    assert "".join(c.choices[0].text for c in chunks) == words("main", 8)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert [c.usage for c in chunks] == [None] * 9


def test_completion_stream_with_usage(client):
    chunks = list(client.completions.create(
        model="mock-model", prompt="a b", stream=True,
        stream_options={"include_usage": True}))

    assert len(chunks) == 10
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 10


def test_embeddings_as_numbers(client):
    """The SDK asks for base64 unless it is told not to."""
    reply = client.embeddings.create(
        model="text-embedding-mock", input=["a", "b c"],
        encoding_format="float")

    assert [d.index for d in reply.data] == [0, 1]
    assert reply.data[0].embedding == [-1, -.75, -.5, -.25, 0, .25, .5, .75]
    assert reply.data[1].embedding == [-.75, -.5, -.25, 0, .25, .5, .75, -1]
    assert reply.model == "text-embedding-mock"


def test_embeddings_in_base64(near, node):
    reply = near.embeddings.create(model=node.model, input="a")
    body = json.loads(node.last()[1])

    assert body["encoding_format"] == "base64"
    assert reply.data[0].embedding == [-1, -.75, -.5, -.25, 0, .25, .5, .75]
    assert reply.usage.prompt_tokens == 1


def test_responses(client):
    reply = client.responses.create(model="mock-model", input="a b c")

    assert reply.id == "resp_mock"
    assert reply.status == "completed"
    assert reply.output_text == words("main", 8)
    assert reply.usage.input_tokens == 3
    assert reply.usage.output_tokens == 8


def test_responses_stream(client):
    events = list(client.responses.create(
        model="mock-model", input="a b c", stream=True))
    kinds = [e.type for e in events]

    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.output_text.delta") == 8
    assert "".join(e.delta for e in events
                   if e.type == "response.output_text.delta") == (
                       words("main", 8))
    assert [e.sequence_number for e in events] == list(range(len(events)))
    assert events[-1].response.output_text == words("main", 8)
    assert events[-1].response.usage.total_tokens == 11


def test_responses_stream_gets_no_stream_options(near, node):
    """They are chat's: /v1/responses would refuse them."""
    list(near.responses.create(model=node.model, input="a", stream=True))

    assert "stream_options" not in json.loads(node.last()[1])


@pytest.mark.router
def test_responses_stream_broken(near, node):
    seen = []

    with pytest.raises(openai.APIError) as e:
        for event in near.responses.create(
                model=node.model, input="a", stream=True,
                **x_mock("tokens=6;reset=mid;after=2;pace=5")):
            seen.append(event.type)

    assert e.value.code == "upstream_error"
    assert "response.output_text.delta" in seen
    assert "response.completed" not in seen


def multipart_of(node):
    """The body of the node's last request, and its boundary."""
    head, body = node.last()
    line = next(h for h in head.split("\r\n")
                if h.lower().startswith("content-type:"))
    return body, line.partition("boundary=")[2].encode()


def test_transcription_of_a_small_file(near, node):
    sound = bytes(range(256)) * 8
    reply = near.audio.transcriptions.create(
        model=node.model, file=("a.wav", sound), language="en",
        prompt="name=\"model\"")
    body, boundary = multipart_of(node)

    assert reply.text == words(node.model, 8)
    assert sound in body
    assert body.rstrip().endswith(b"--" + boundary + b"--")
    assert body.count(b"--" + boundary + b"\r\n") == 4


@pytest.mark.router
def test_transcription_of_a_large_file(near, node):
    """The file may come before the model; every byte arrives."""
    sent = []
    sound = hashlib.sha256(b"sound").digest() * 200000
    near._client.event_hooks["request"].append(
        lambda request: sent.append(request.read()))

    reply = near.audio.transcriptions.create(
        model=node.model, file=("a.wav", io.BytesIO(sound)),
        **x_mock("sha"))

    assert len(sent[0]) > 6400000
    assert reply.model_extra["length"] == len(sent[0])
    assert (reply.model_extra["sha256"]
            == hashlib.sha256(sent[0]).hexdigest())


@pytest.mark.router
@pytest.mark.parametrize("first", [True, False])
def test_multipart_in_any_order(http, node, first):
    """The model before a file of 1 MB, or after it."""
    model = ("model", (None, node.model))
    file = ("file", ("a.wav", b"\r\n--x\r\n" * 150000, "audio/wav"))
    reply = http.post("/v1/audio/transcriptions",
                      files=[model, file] if first else [file, model])

    assert reply.status_code == 200
    assert reply.json()["text"] == words(node.model, 8)


@pytest.mark.router
def test_multipart_without_a_model(http):
    reply = http.post("/v1/audio/transcriptions", files=[
        ("file", ("model", b"name=\"model\"\r\n\r\nmock-model", "text/plain")),
        ("language", (None, "en"))])

    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "model"


def test_images_edit(near, node):
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 64
    reply = near.images.edit(
        model=node.model, image=[("a.png", picture), ("b.png", b"second")],
        prompt="Draw a 点", n=1)
    body, boundary = multipart_of(node)

    assert reply.data[0].b64_json.startswith("R0lGODlh")
    assert picture in body and b"second" in body
    assert "Draw a 点".encode() in body
    assert body.count(b"--" + boundary + b"\r\n") == 5


def test_images_generate(client):
    reply = client.images.generate(model="image-mock", prompt="a dot")

    assert reply.created == 1700000000
    assert reply.data[0].b64_json.startswith("R0lGODlh")


def test_moderations(client):
    reply = client.moderations.create(
        model="mock-model", input=["good", "bad"])

    assert reply.id == "modr-mock"
    assert [r.flagged for r in reply.results] == [False, False]


def test_speech(client):
    """Bytes that are no text, all 256 of them."""
    reply = client.audio.speech.create(
        model="mock-model", voice="alloy", input="Say it",
        **x_mock("size=100000"))

    assert reply.content == bytes(i % 256 for i in range(100000))


def test_endpoint_not_invented_yet(client):
    reply = client.post("/dreams", cast_to=object, body={
        "model": "mock-model", "dream": [1, 2]})

    assert reply["object"] == "echo"
    assert reply["path"] == "/v1/dreams"
    assert reply["model"] == "mock-model"


def test_models(client):
    models = {m.id: m for m in client.models.list()}

    assert {"mock-model", "org/mock:7b", "text-embedding-mock",
            "whisper-mock", "image-mock"} <= set(models)
    assert models["mock-model"].object == "model"
    assert isinstance(models["mock-model"].created, int)
    assert models["mock-model"].owned_by


@pytest.mark.router
def test_models_of_all_nodes_once(client):
    ids = [m.id for m in client.models.list()]

    assert ids.count("pair") == 1
    assert ids.count("py-1") == 1
    assert len(ids) == len(set(ids))


@pytest.mark.router
def test_models_a_key_may_use():
    with connect(api_key="sk-sdk-limited") as c:
        assert [m.id for m in c.models.list()] == ["mock-model"]

        with pytest.raises((openai.NotFoundError,
                            openai.PermissionDeniedError)):
            c.models.retrieve("org/mock:7b")


@pytest.mark.parametrize("name", ["mock-model", "org/mock:7b"])
def test_model(client, name):
    """Names with slashes and colons are one path segment for the SDK."""
    model = client.models.retrieve(name)

    assert model.id == name
    assert model.object == "model"


@pytest.mark.router
def test_model_in_a_plain_path(http):
    reply = http.get("/v1/models/org/mock:7b")

    assert reply.status_code == 200
    assert reply.json()["id"] == "org/mock:7b"


def test_model_that_is_not_there(client):
    with pytest.raises(openai.NotFoundError) as e:
        client.models.retrieve("no-such-model")

    assert e.value.code == "model_not_found"
