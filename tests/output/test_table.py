import json

import pytest

from diracmq_cli.core.address import Address, Kind
from diracmq_cli.core.model import BrokerService, QueueSpec, QueueState, QueueType, Source
from diracmq_cli.output.table import print_queues
from diracmq_cli.output.terminal import Look
from diracmq_cli.output.writer import Writer

SOURCE = Source("/Resources/MQServices/dev", "dirac.cfg")
SERVICE = BrokerService(name="dev", hosts=(), source=SOURCE)


def state(name, *, type_=QueueType.CLASSIC, ready=None, consumers=None, problem=None, system=None):
    address = Address(system or "dev", Kind.QUEUE, name, system=system is not None)
    spec = QueueSpec(address=address, service=SERVICE, source=SOURCE, type=type_, exchange=f"{name}.x")
    return QueueState(queue=spec, ready=ready, consumers=consumers, problem=problem)


STATES = [
    state("demo.jobs", ready=12, consumers=1),
    state("demo.pilots", type_=QueueType.QUORUM, ready=100_000, consumers=0),
    state("demo.audit", type_=QueueType.STREAM, consumers=2),
    state("Monitoring", system="Framework", problem="no such queue"),
]


@pytest.fixture
def printed(tmp_path):
    def run(states, look, **options):
        with (tmp_path / "out").open("wb+") as file:
            print_queues(states, Writer(file.fileno()), look, **options)
        return (tmp_path / "out").read_text()

    return run


def test_terminal(printed):
    """Columns are aligned, numbers to the right; a stream has no count; a problem is told in its row."""
    expected = (
        "QUEUE                 SERVICE  TYPE      READY  CONSUMERS  PROBLEM\n"
        "demo.jobs             dev      classic      12          1  -\n"
        "demo.pilots           dev      quorum   100000          0  -\n"
        "demo.audit            dev      stream        -          2  -\n"
        "Framework/Monitoring  dev      classic       -          -  no such queue\n"
    )
    assert printed(STATES, Look(is_terminal=True, columns=80)) == expected
    assert printed(STATES, Look(is_terminal=True, columns=120)) == expected


def test_colour(printed):
    """The heading is bold and problems are red; the text is the same."""
    text = printed(STATES[3:], Look(is_terminal=True, columns=80, color=True))
    assert text.splitlines()[0].startswith("\x1b[1mQUEUE\x1b[m")
    assert text.endswith("\x1b[31mno such queue\x1b[m\n")


def test_a_long_problem_goes_below(printed):
    """A reason that does not fit stands in rows of its own, indented."""
    reason = "no address of dev answered: 127.0.0.1:5671: connection refused; 192.0.2.1:5671: timed out"
    rows = printed([state("q", problem=reason)], Look(is_terminal=True, columns=60)).splitlines()
    assert rows[1] == "q      dev      classic      -          -"
    assert "".join(row.removeprefix("    ") for row in rows[2:]) == reason
    assert all(row.startswith("    ") and len(row) <= 60 for row in rows[2:])


def test_pipe(printed):
    """The same columns under the same heading, separated by one TAB each."""
    assert printed(STATES, Look()) == (
        "QUEUE\tSERVICE\tTYPE\tREADY\tCONSUMERS\tPROBLEM\n"
        "demo.jobs\tdev\tclassic\t12\t1\t-\n"
        "demo.pilots\tdev\tquorum\t100000\t0\t-\n"
        "demo.audit\tdev\tstream\t-\t2\t-\n"
        "Framework/Monitoring\tdev\tclassic\t-\t-\tno such queue\n"
    )


def test_json(printed):
    """One object a line, null for what cannot be known, the address as it may be typed."""
    rows = [json.loads(line) for line in printed(STATES, Look(), json=True).splitlines()]
    assert rows[0] == {
        "queue": "demo.jobs",
        "service": "dev",
        "type": "classic",
        "ready": 12,
        "consumers": 1,
        "address": "dev::Queues::demo.jobs",
        "problem": None,
    }
    assert (rows[2]["ready"], rows[3]["address"]) == (None, "Framework/Monitoring")


def test_hostile_names(printed):
    """A name or a reason from elsewhere acts on no terminal and adds no column."""
    hostile = state("a\x1b[2J\tb", problem="x\ny\u202e")
    assert printed([hostile], Look()).splitlines()[1] == "a\\x1b[2J\\tb\tdev\tclassic\t-\t-\tx\\ny\\u202e"
    assert printed([hostile], Look(), json=True).isascii()


def test_no_queue_at_all(printed):
    """Only the heading; in JSON nothing."""
    assert printed([], Look(is_terminal=True, columns=80)) == "QUEUE  SERVICE  TYPE  READY  CONSUMERS  PROBLEM\n"
    assert printed([], Look(), json=True) == ""
