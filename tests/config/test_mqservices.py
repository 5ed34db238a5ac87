"""``/Resources/MQServices``: hosts, ports, TLS, other protocols, and what a bad service does to its queues."""

import pytest
from support.cfgs import load, model_of, mq_service, one_queue, write_cfg

from diracmq_cli.config import read_messaging
from diracmq_cli.core.address import Address, Kind
from diracmq_cli.core.model import ExchangeType, HostPort, Source
from diracmq_cli.errors import ConfigError, UnknownDestination

QUEUES = "Queues\n{\njobs\n{\n}\n}"


def service_of(tmp_path, head):
    """The only service of a CFG."""
    (service,) = model_of(tmp_path, mq_service(QUEUES, head=head)).services
    return service


def refusal_of(tmp_path, head):
    """Why the service is refused: asking for its queue raises it."""
    model = model_of(tmp_path, mq_service(QUEUES, head=head))
    assert model.services == ()
    with pytest.raises(ConfigError) as caught:
        model.resolve("mq::Queues::jobs")
    return str(caught.value).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("Host = mq1.example.org", [("mq1.example.org", 5671)]),
        ("Host = mq1.example.org\nPort = 5673", [("mq1.example.org", 5673)]),
        ("Host = mq1, mq2:5680 ,mq1\nPort = 5673", [("mq1", 5673), ("mq2", 5680)]),
        ("Host = mq1\nHost += mq2", [("mq1", 5671), ("mq2", 5671)]),
        ("Host = [2001:db8::1]:5680, [::2], ::3", [("2001:db8::1", 5680), ("::2", 5671), ("::3", 5671)]),
        ("Host = 192.0.2.1:5680", [("192.0.2.1", 5680)]),
        ("Host = localhost\nTLS = no", [("localhost", 5672)]),
        ("Host = 127.0.0.1, [::1]:5699, ::1\nTLS = False", [("127.0.0.1", 5672), ("::1", 5699), ("::1", 5672)]),
        ("Host = mq1:61613\nMQType = Stomp\nPort = 61613\nAMQPPort = 5671", [("mq1", 5671)]),
        ("Host = mq1\nMQType = stomp", [("mq1", 5671)]),
    ],
)
def test_hosts(tmp_path, head, expected):
    """Host is a comma list with ports and IPv6; Port defaults by TLS; AMQPPort replaces another protocol's ports."""
    assert service_of(tmp_path, head).hosts == tuple(HostPort(*each) for each in expected)


def test_defaults(tmp_path):
    """An entry with a Host only is RabbitMQ over TLS on 5671, vhost /, login by certificate, hosts shuffled."""
    service = service_of(tmp_path, "Host = mq1.example.org")
    assert (service.name, service.mq_type, service.vhost, service.tls) == ("mq", "RabbitMQ", "/", True)
    assert (service.user, service.password, service.shuffle_hosts, service.refusal) == (None, None, True, None)
    assert service.source == Source("/Resources/MQServices/mq", str(tmp_path / "dirac.cfg"))


def test_every_option(tmp_path):
    """Every option of a service is read, in either spelling and any case of its choices."""
    head = (
        "Host = mq1\nMQType = amqp\nVH = dirac\nTLS = Yes\nUser = robot\nHostOrder = Listed\n"
        "ManagementURL = https://mq1.example.org:15671\nManagementUser = admin\nMaxConnections = 100\n"
        "MaxPilotConnections = 20000\nSSLVersion = TLSv1\nHostKey ="
    )
    service = service_of(tmp_path, head)
    assert (service.mq_type, service.vhost, service.tls, service.user) == ("RabbitMQ", "dirac", True, "robot")
    assert not service.shuffle_hosts
    assert (service.management_url, service.management_user) == ("https://mq1.example.org:15671", "admin")
    assert (service.max_connections, service.max_pilot_connections) == (100, 20000)
    assert service_of(tmp_path, "Host = mq1\nVHost = one\nVH = two").vhost == "one"


@pytest.mark.parametrize(
    ("head", "place", "problem"),
    [
        ("", "in /dirac.cfg", "Host is missing"),
        ("Host = ,", "/Host in /dirac.cfg line 7", "names no host"),
        ("Host = amqps://mq1", "/Host in /dirac.cfg line 7", "'amqps://mq1' is not a host, host:port or"),
        ("Host = mq 1", "/Host in /dirac.cfg line 7", "'mq 1' is not a host"),
        ("Host = mq1:0", "/Host in /dirac.cfg line 7", "'0' is not a port from 1 to 65535"),
        ("Host = mq1:99999", "/Host in /dirac.cfg line 7", "'99999' is not a port"),
        ("Host = [::1", "/Host in /dirac.cfg line 7", "'[::1' is not a host"),
        ("Host = mq1\nPort = amqps", "/Port in /dirac.cfg line 8", "'amqps' is not a port"),
        ("Host = mq1\nPort = ٥٦٧١", "/Port in /dirac.cfg line 8", "is not a port"),
        ("Host = mq1\nAMQPPort = 70000", "/AMQPPort in /dirac.cfg line 8", "'70000' is not a port"),
        ("Host = mq1\nTLS = ture", "/TLS in /dirac.cfg line 8", "'ture' is neither yes nor no"),
        ("Host = mq1\nHostOrder = fixed", "/HostOrder in /dirac.cfg line 8", "'fixed' is none of shuffled, listed"),
        ("Host = mq1\nTLS = no", "/TLS in /dirac.cfg line 8", "plaintext is for loopback only, and mq1 is not"),
        ("Host = localhost, mq1\nTLS = 0", "/TLS in /dirac.cfg line 8", "for loopback only, and mq1 is not"),
        ("Host = 127.example.org\nTLS = n", "/TLS in /dirac.cfg line 8", "and 127.example.org is not"),
        ("Host = mq1\nManagementURL = mq1:15671", "/ManagementURL in /dirac.cfg line 8", "not a URL such as https://"),
        ("Host = mq1\nMaxConnections = 0", "/MaxConnections in /dirac.cfg line 8", "not a whole number of at least 1"),
        ("Host = mq1\nVHost = " + "v" * 256, "/VHost in /dirac.cfg line 8", "longer than 255 octets"),
    ],
)
def test_refused_services(tmp_path, head, place, problem):
    """A bad option of a service refuses its queues, naming section, option, file and line."""
    text = refusal_of(tmp_path, head)
    assert text.startswith("/Resources/MQServices/mq" + (place if place.startswith("/") else " " + place) + ": ")
    assert problem in text


def test_management_url_with_a_password_is_not_shown(tmp_path):
    """A URL that holds a password is refused without repeating it."""
    text = refusal_of(tmp_path, "Host = mq1\nManagementURL = https://admin:s3cret@mq1:15671")
    assert "ManagementURL" in text
    assert "s3cret" not in text


def test_bad_service_does_not_hide_the_others(tmp_path):
    """Every destination of a bad service is refused with its error; other services work."""
    good = write_cfg(tmp_path, mq_service(QUEUES, name="good"), "good.cfg")
    body = "Queues\n{\njobs\n{\n}\nmore\n{\n}\n}\nExchanges\n{\nevents\n{\n}\n}\nTopics\n{\nnews\n{\n}\n}"
    bad = write_cfg(tmp_path, mq_service(body, name="bad", head="Port = 1"), "bad.cfg")
    model = read_messaging(load(good, bad))
    assert model.resolve("good::Queues::jobs").service.name == "good"
    assert [str(address) for address, _ in model.refused] == [
        "bad::Queues::jobs",
        "bad::Queues::more",
        "bad::Exchanges::events",
        "bad::Topics::news",
    ]
    assert {str(error) for _, error in model.refused} == {f"/Resources/MQServices/bad in {bad}: Host is missing"}


@pytest.mark.parametrize(
    ("head", "refusal"),
    [
        ("MQType = Stomp\nPort = 61613", "is a Stomp service; its Port 61613 is not AMQP"),
        ("MQType = Stomp", "is a Stomp service, not AMQP"),
        ("MQType = Kafka\nPort = 9092", "is a Kafka service; its Port 9092 is not AMQP"),
    ],
)
def test_other_protocols(tmp_path, head, refusal):
    """An entry of another protocol is listed with its destination, and says which options make it work."""
    model = model_of(tmp_path, mq_service(QUEUES, head=f"Host = mq1\n{head}"))
    service = model.resolve("mq::Queues::jobs").service
    assert service.refusal == refusal
    assert service.refusal_hint == (
        "set AMQPPort = 5671, or MQType = RabbitMQ and Port = 5671, in /Resources/MQServices/mq"
    )


@pytest.mark.parametrize(
    "options",
    [
        ("/Resources/MQServices/mq/AMQPPort=5671",),
        ("/Resources/MQServices/mq/MQType=RabbitMQ", "/Resources/MQServices/mq/Port=5671"),
    ],
)
def test_hint_of_a_stomp_entry_works(tmp_path, options):
    """What the hint says, given beside the entry, makes AMQP of it."""
    text = mq_service(QUEUES, head="Host = mq1\nMQType = Stomp\nPort = 61613\nSSLVersion = TLSv1")
    service = model_of(tmp_path, text, options=options).resolve("mq::Queues::jobs").service
    assert (service.refusal, service.refusal_hint) == (None, None)
    assert service.hosts == (HostPort("mq1", 5671),)
    assert service.tls


def test_exchanges(tmp_path):
    """Exchanges have a type, who may publish and who may watch; topic is the default."""
    body = (
        "Exchanges\n{\nevents\n{\nType = Fanout\nDescription = all of it\nPublishers = user:robot\n"
        "Watchers = group:ops\n}\nplain\n{\n}\n}"
    )
    model = model_of(tmp_path, mq_service(body))
    events = model.resolve("mq::Exchanges::events")
    assert (events.type, events.description) == (ExchangeType.FANOUT, "all of it")
    assert (events.publishers.users, events.watchers.groups) == (("robot",), ("ops",))
    assert model.resolve("plain").type is ExchangeType.TOPIC
    assert model.resolve("plain").source.section == "/Resources/MQServices/mq/Exchanges/plain"


def test_bad_exchange(tmp_path):
    """An exchange's bad option refuses that exchange only, and does not stand in the way of a queue of its name."""
    body = "Queues\n{\nevents\n{\n}\n}\nExchanges\n{\nevents\n{\nType = topics\n}\n}"
    model = model_of(tmp_path, mq_service(body))
    with pytest.raises(ConfigError, match="'topics' is none of topic, fanout, direct, headers"):
        model.resolve("mq::Exchanges::events")
    assert model.resolve("events").address == Address("mq", Kind.QUEUE, "events")


def test_topics_are_refused_with_their_reason(tmp_path):
    """A Stomp topic is no exchange: asked for, it says so; a queue of its name is found all the same."""
    body = "Queues\n{\nboth\n{\n}\n}\nTopics\n{\nboth\n{\n}\nnews\n{\n}\n}"
    model = model_of(tmp_path, mq_service(body))
    assert model.exchanges == ()
    assert model.resolve("both").address.kind is Kind.QUEUE
    for name in ("mq::Topics::news", "news"):
        with pytest.raises(ConfigError) as caught:
            model.resolve(name)
        assert str(caught.value) == (
            f"/Resources/MQServices/mq/Topics/news in {tmp_path}/dirac.cfg: a topic is Stomp's; AMQP has exchanges"
        )
        assert "Exchanges/news" in caught.value.hint


def test_exact_names_only(tmp_path):
    """DIRAC's resolver finds MyTest for Test and loses a service called QueuesHost; ours goes by the exact path."""
    one = write_cfg(tmp_path, mq_service("Queues\n{\nMyTest\n{\n}\n}", name="QueuesHost"), "one.cfg")
    two = write_cfg(tmp_path, mq_service("Queues\n{\nTest\n{\n}\n}", name="Topics"), "two.cfg")
    model = read_messaging(load(one, two))
    assert str(model.resolve("Test").address) == "Topics::Queues::Test"
    assert str(model.resolve("QueuesHost::Queues::MyTest").address) == "QueuesHost::Queues::MyTest"
    with pytest.raises(UnknownDestination):
        model.resolve("QueuesHost::Queues::Test")


def test_model_names_its_files(tmp_path):
    """The model says which files it is from, so that an unknown name can be looked for."""
    model = model_of(tmp_path, one_queue(""))
    assert model.files == (str(tmp_path / "dirac.cfg"),)
