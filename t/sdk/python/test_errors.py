"""Errors as the SDK's exceptions: class, status, code, param, type."""

import openai
import pytest

from conftest import connect, user, x_mock

pytestmark = pytest.mark.router


def create(client, **options):
    options.setdefault("model", "mock-model")
    options.setdefault("messages", user("hi"))
    return client.chat.completions.create(**options)


def fails(kind, client, status, type, code, param=None, call=create,
          **options):
    """Makes the call, and tells its exception when it is as it should be."""
    with pytest.raises(kind) as e:
        call(client, **options)

    error = e.value
    assert error.status_code == status
    assert (error.type, error.code, error.param) == (type, code, param)
    assert set(error.body) == {"message", "type", "param", "code"}
    assert isinstance(error.body["message"], str) and error.body["message"]
    assert "<html" not in error.response.text
    assert "127.0.0.1" not in error.response.text
    assert "sk-sdk" not in error.response.text
    assert error.response.headers["content-type"].startswith(
        "application/json")
    assert error.request_id
    return error


@pytest.mark.parametrize("key", ["sk-sdk-nobody", "sk-sdk-expired", "x" * 3000,
                                 "sk-sdk-tes", "sk-sdk-test2"])
@pytest.mark.parametrize("stream", [False, True])
def test_wrong_key(key, stream):
    with connect(api_key=key) as c:
        error = fails(openai.AuthenticationError, c, 401,
                      "authentication_error", "invalid_api_key",
                      stream=stream)

    assert error.body["message"] == "Invalid API key"


def test_wrong_key_for_models():
    with connect(api_key="sk-sdk-nobody") as c:
        fails(openai.AuthenticationError, c, 401, "authentication_error",
              "invalid_api_key", call=lambda c: c.models.list())


def test_no_key(http):
    reply = http.post("/v1/chat/completions", headers={"Authorization": ""},
                      json={"model": "mock-model", "messages": user("hi")})

    assert reply.status_code == 401
    assert reply.json()["error"]["code"] == "invalid_api_key"


def test_model_not_allowed():
    with connect(api_key="sk-sdk-limited") as c:
        fails(openai.PermissionDeniedError, c, 403, "permission_error",
              "model_not_allowed", param="model", model="pair")
        assert create(c).usage.completion_tokens == 8


def test_model_not_found(client):
    error = fails(openai.NotFoundError, client, 404, "invalid_request_error",
                  "model_not_found", param="model", model="gpt-\"17\" ü")

    assert error.body["message"] == "The model `gpt-\"17\" ü` does not exist"


def test_no_messages(client):
    error = fails(openai.BadRequestError, client, 400,
                  "invalid_request_error", "missing_required_parameter",
                  param="messages", messages=[])

    assert error.body["message"] == "At least one message is required"


def test_no_model(client):
    error = fails(openai.BadRequestError, client, 400,
                  "invalid_request_error", "missing_required_parameter",
                  param="model",
                  call=lambda c: c.post("/chat/completions", cast_to=object,
                                        body={"messages": user("hi")}))

    assert error.body["message"] == "Model name is required"


def test_no_input(client):
    error = fails(openai.BadRequestError, client, 400,
                  "invalid_request_error", "missing_required_parameter",
                  param="input",
                  call=lambda c: c.embeddings.create(
                      model="text-embedding-mock", input=[]))

    assert error.body["message"] == "Input text is required"


def test_no_prompt(client):
    fails(openai.BadRequestError, client, 400, "invalid_request_error",
          "missing_required_parameter", param="prompt",
          call=lambda c: c.post("/completions", cast_to=object,
                                body={"model": "mock-model"}))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{\"model\":\"a\"}}",
                                  b"{\"model\":\"\xff\"}", b"null"])
def test_bad_json(http, body):
    reply = http.post("/v1/chat/completions", content=body,
                      headers={"Content-Type": "application/json"})
    error = reply.json()["error"]

    assert reply.status_code == 400
    assert error["type"] == "invalid_request_error"
    assert error["code"] in ("invalid_json", "missing_required_parameter")


def test_unknown_url(client):
    fails(openai.NotFoundError, client, 404, "invalid_request_error",
          "unknown_url", call=lambda c: c.get("/nowhere", cast_to=object))


def test_wrong_method(http):
    reply = http.delete("/v1/chat/completions")
    error = reply.json()["error"]

    assert reply.status_code == 405
    assert error["type"] == "invalid_request_error"
    assert error["code"] == "method_not_allowed"


def test_too_large():
    with connect("SMALL") as c:
        fails(openai.APIStatusError, c, 413, "invalid_request_error",
              "request_too_large", messages=user("x" * 200000))
        assert create(c).usage.completion_tokens == 8


@pytest.mark.parametrize("stream", [False, True])
def test_node_is_down(client, stream):
    """Nothing listens there; the SDK calls that an internal server error."""
    with pytest.raises(openai.InternalServerError) as e:
        create(client, model="down", stream=stream)

    assert (e.value.status_code, e.value.type, e.value.code) in (
        (502, "bad_gateway", "upstream_error"),
        (503, "service_unavailable", "no_nodes"))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["reset=before", "close=before",
                                   "broken=http", "reset=headers"])
def test_node_breaks_before_its_answer(client, node, fault, stream):
    fails(openai.InternalServerError, client, 502, "bad_gateway",
          "upstream_error", model=node.model, stream=stream, **x_mock(fault))
    node.wait(in_flight=0, requests=1)


def test_whole_answer_breaks_half_way(client, node):
    """Never an answer that looks like one."""
    with pytest.raises((openai.APIConnectionError,
                        openai.InternalServerError)):
        create(client, model=node.model, **x_mock(
            "size=100000;reset=mid;after=4"))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["silence=before", "silence=headers"])
def test_node_is_silent(node, fault, stream):
    with connect("IMPATIENT") as c:
        error = fails(openai.InternalServerError, c, 504, "gateway_timeout",
                      "timeout", model=node.model, stream=stream,
                      **x_mock(fault))

    assert error.body["message"] == "Request timeout after 1 seconds" or (
        error.body["message"] == "Request timeout after 1 second")
    node.wait(in_flight=0, aborted=1, requests=1)


@pytest.mark.parametrize("status,kind", [
    (400, openai.BadRequestError), (404, openai.NotFoundError),
    (409, openai.ConflictError), (422, openai.UnprocessableEntityError),
    (500, openai.InternalServerError), (503, openai.InternalServerError)])
def test_node_says_no(client, node, status, kind):
    """The node's own error comes through as it is."""
    with pytest.raises(kind) as e:
        create(client, model=node.model, **x_mock(f"status={status}"))

    assert e.value.status_code == status
    assert e.value.code == "mock"
    assert e.value.body["message"] == f"mock status {status}"


def test_error_for_a_stream_is_no_stream(client, node):
    with pytest.raises(openai.BadRequestError) as e:
        create(client, model=node.model, stream=True, **x_mock("status=400"))

    assert e.value.code == "mock"
    assert e.value.response.headers["content-type"] == "application/json"
