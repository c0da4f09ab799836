# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the scenario tests: a stack per worker, app users with fresh names, XMPP users.

Options: --server prosody|ejabberd, --stack DIR (use a running stack). A failing test shows what every part
logged while it ran.
"""
import itertools
import sys
import uuid
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

from harness.described import seen  # noqa: E402
from harness.rest import App, Backend  # noqa: E402
from harness.stack import Stack  # noqa: E402

pytest_plugins = ["harness.again"]
_running = None


def pytest_addoption(parser):
    group = parser.getgroup("trestle")
    group.addoption("--server", choices=["prosody", "ejabberd"], default="prosody", help="XMPP server")
    group.addoption("--complete", action="store_true",
                    help="fail when a route, command or event is touched by no test, or an ad-hoc command completed by none")
    group.addoption("--stack", metavar="DIR", help="use this running stack instead of a fresh one")


def pytest_configure(config):
    config.addinivalue_line("markers", "generated: made from the descriptions; does not count as a test of a route")
    config.addinivalue_line("markers", "long: a campaign of minutes; runs in scripts/check --long only")
    config.addinivalue_line("markers", "one_server: the XMPP server has no part in it; with ejabberd it runs only where -m names it")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("-m"):
        skip = pytest.mark.skip(reason="long: scripts/check --long, or pytest -m long")
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(skip)
        if config.getoption("--server") == "ejabberd":
            alike = [item for item in items if item.get_closest_marker("one_server")]
            items[:] = [item for item in items if not item.get_closest_marker("one_server")]
            config.hook.pytest_deselected(items=alike)


def stack_of(request, *options):
    """A stack for a fixture `running_stack`; what is still missing of it at the end is a failure of the run."""
    own = Stack.start("--server", request.config.getoption("--server"), *options)
    try:
        yield own
        own.stop()
        reports = own.sanitizer_reports()
        assert not reports, "the bridge's log has what no run may have:\n" + "\n".join(reports)
    except BaseException:
        own.stop()
        print(f"\nthe stack's logs stay in {own.dir}", file=sys.stderr)
        raise
    own.stop(purge=True)


@pytest.fixture(scope="session")
def running_stack(request):
    """The stack of this worker. A module that needs another has a fixture of this name, of scope "module"."""
    reused = request.config.getoption("--stack")
    if reused:
        yield Stack.reuse(reused)
    else:
        yield from stack_of(request)


@pytest.fixture(scope="session")
def plugin_stack(request):
    """A stack whose server has the plugin and our archive, and which has no bridge: a test is the component."""
    yield from stack_of(request, "--plugin", "--archive", "--instances", "0")


@pytest.fixture
def stack(running_stack, request):
    """The worker's stack, with every part running; a part that ends by itself fails the test."""
    global _running
    _running = running_stack
    for part in running_stack.dead():
        running_stack.restart(part)
    request.node.log_sizes = running_stack.log_sizes()
    yield running_stack
    died = running_stack.dead() - running_stack.killed
    assert not died, f"ended by itself during this test: {', '.join(died)}"


@pytest.fixture
def app(stack):
    """`app("alice")` is an app user nobody else has: the name gets a unique ending."""
    numbers = itertools.count()
    run = uuid.uuid4().hex[:8]

    def make(name, /, **options):
        return App(stack, f"{name}-{run}{next(numbers)}", **options)
    return make


@pytest.fixture
def backend(stack):
    return Backend(stack)


@pytest.fixture
def xmpp(stack):
    """`xmpp("bob")` is a logged-in XMPP session; all end with the test."""
    from harness.xmpp import XmppUser
    opened = []

    def login(user, **options):
        opened.append(XmppUser(stack, user, **options))
        return opened[-1].connect()
    yield login
    for session in opened:
        session.close()


def known(user):
    """The user with the account's `id` and `jid`, which is there then."""
    user.id, user.jid = (user.me()[key] for key in ("id", "jid"))
    return user


@pytest.fixture
def alice(app):
    return known(app("alice", name="Alice"))


@pytest.fixture
def bella(app):
    return known(app("bella"))


@pytest.fixture
def bob(xmpp):
    return xmpp("bob")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and _running:
        for name, lines in _running.logs_since(getattr(item, "log_sizes", {})).items():
            report.sections.append((f"log of {name}", "\n".join(lines) or "(nothing)"))


# ---- Every reply and frame is as described.

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    seen.faults.clear()
    seen.counts = not item.get_closest_marker("generated")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    (yield).get_result()
    if seen.faults:
        pytest.fail("\n\n".join(seen.faults), pytrace=False)


# ---- What no test touched. Workers hand over what they saw when they end.

@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    seen.merge(getattr(node, "workeroutput", {}).get("seen", {}))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["seen"] = seen.dump()
    elif config.getoption("--complete") and session.exitstatus == 0 and untouched():
        session.exitstatus = 1


def untouched():
    missing = seen.missing()
    return [f"{kind[:-1]} {name}" for kind in ("routes", "commands", "events", "nodes") for name in missing[kind]]


def pytest_terminal_summary(terminalreporter, config):
    if not config.getoption("--complete"):
        return
    terminalreporter.section("coverage of the API")
    for line in untouched():
        terminalreporter.line(f"FAILED: no test touches the {line}")
    terminalreporter.line(f"{len(seen.routes)} routes, {len(seen.commands)} commands, {len(seen.events)} events "
                          f"and {len(seen.nodes)} nodes of ad-hoc commands were touched. Statuses that no test has seen:")
    for route, statuses in seen.missing()["statuses"].items():
        terminalreporter.line(f"  {route}: {', '.join(statuses)}")
