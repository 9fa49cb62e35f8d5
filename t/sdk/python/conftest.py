"""Fixtures: clients of the router, and nodes that misbehave on request."""

import os

import httpx2
import openai
import pytest

import mock

HERE = os.path.dirname(os.path.abspath(__file__))
KEY = "sk-sdk-test"
DIRECT = bool(os.environ.get("SDK_DIRECT"))

_fresh = mock.fresh_nodes()
_pairs = mock.pairs()


def url(server):
    """The router's base URL; server names one of nginx.conf.in."""
    return os.environ["SDK_" + server] + "/v1"


def connect(server="ROUTER", **options):
    """An SDK client that does not try again unless told so."""
    options.setdefault("api_key", KEY)
    options.setdefault("base_url", url(server))
    options.setdefault("max_retries", 0)
    options.setdefault("timeout", 15)
    return openai.OpenAI(**options)


def connect_async(server="ROUTER", **options):
    options.setdefault("api_key", KEY)
    options.setdefault("base_url", url(server))
    options.setdefault("max_retries", 0)
    options.setdefault("timeout", 15)
    return openai.AsyncOpenAI(**options)


def user(text):
    return [{"role": "user", "content": text}]


def words(name, n):
    """What the mock node of this name says in n tokens."""
    return "".join([f"Hello from {name}."] + [f" w{i}" for i in range(1, n)])


def x_mock(text):
    """Options of an SDK call that steer the mock node."""
    return {"extra_headers": {"X-Mock": text}}


@pytest.fixture(scope="session")
def client():
    with connect() as c:
        yield c


@pytest.fixture(scope="session")
def http():
    """Bare HTTP, for what the SDK does not show."""
    with httpx2.Client(base_url=os.environ["SDK_ROUTER"], timeout=15,
                       trust_env=False,
                       headers={"Authorization": f"Bearer {KEY}"}) as c:
        yield c


@pytest.fixture
def node(monkeypatch):
    """A node that no other test has used."""
    fresh = _fresh.pop(0)

    if DIRECT:
        monkeypatch.setenv("SDK_ROUTER", fresh.url)

    return fresh


@pytest.fixture
def pair():
    """Two nodes with one model that no other test has used."""
    return _pairs.pop(0)


@pytest.fixture
def near(node):
    """A client of the router (of the node itself with SDK_DIRECT)."""
    with connect() as c:
        yield c


def pytest_collection_modifyitems(config, items):
    if not DIRECT:
        return

    kept = [i for i in items if not i.get_closest_marker("router")]
    config.hook.pytest_deselected(items=[i for i in items if i not in kept])
    items[:] = kept


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the lines of the tests, not those of the libraries."""
    if call.excinfo:
        ours = call.excinfo.traceback.filter(
            lambda entry: str(entry.path).startswith(HERE))
        call.excinfo.value.__cause__ = None
        call.excinfo.value.__suppress_context__ = True
        if ours:
            call.excinfo.traceback = ours

    return (yield)


def pytest_terminal_summary(terminalreporter):
    """The counts for run.sh; an error in a fixture is a failure."""
    path = os.environ.get("SDK_RESULT")

    if path:
        stats = terminalreporter.stats
        passed = len(stats.get("passed", []))
        failed = len(stats.get("failed", [])) + len(stats.get("error", []))

        with open(path, "w") as out:
            out.write(f"{passed} {failed}\n")
