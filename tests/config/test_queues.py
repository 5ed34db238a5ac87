"""Options of a queue: read once into typed values, or refused with section, option and file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cfgs import model_of, mq_service, one_queue

from diracmq_cli.config.lists import bindings, hosts, principals
from diracmq_cli.core.address import Address, Kind
from diracmq_cli.core.model import Binding, OriginLevel, Overflow, Principals, QueueType, Source
from diracmq_cli.errors import ConfigError, DataError

DOE = "/DC=org/DC=example/CN=Doe, Jane"
ROE = "/DC=org/DC=example/CN=Richard Roe"


def queue_of(tmp_path, options):
    """The queue ``jobs`` with these options."""
    return model_of(tmp_path, one_queue(options)).resolve("mq::Queues::jobs")


def test_defaults(tmp_path):
    """A queue without options is classic, its publishers write NAME.x, nobody may anything."""
    queue = queue_of(tmp_path, "")
    assert queue.address == Address("mq", Kind.QUEUE, "jobs")
    assert (queue.name, queue.type, queue.exchange, queue.tap) == ("jobs", QueueType.CLASSIC, "jobs.x", "jobs.tap")
    assert queue.source == Source("/Resources/MQServices/mq/Queues/jobs", str(tmp_path / "dirac.cfg"))
    assert queue.service.name == "mq"
    assert queue.publishers == queue.consumers == queue.watchers == queue.operators == queue.movers == Principals()
    assert (queue.message_ttl, queue.dead_letter_queue, queue.origin, queue.bindings) == (None, None, None, ())


def test_every_option_of_a_quorum_queue(tmp_path):
    """Every option arrives typed; what DIRAC's CFGs hold besides (Acknowledgement, Persistent) is passed over."""
    queue = queue_of(
        tmp_path,
        f"Type = Quorum\nRoutingKey = a.b\nBindings = demo.events:job.#, other:\nDeadLetterQueue = dead\n"
        "MessageTTL = 7d\nMaxLength = 1000\nMaxLengthBytes = 64M\nOverflow = Reject-Publish\nDeliveryLimit = 1000000\n"
        "ConsumerTimeout = 24h\nDescription = what pilots say\nContact = ops@example.org\nOrigin = Broker\n"
        f"Publishers = group:dirac_pilot, {DOE}, user:robot\nConsumers = {ROE}\nConsumers += {DOE}\n"
        "Watchers = group:ops\nOperators = group:admins\nMovers = user:mover\n"
        "Acknowledgement = True\nPersistent = False",
    )
    assert (queue.type, queue.routing_key, queue.dead_letter_queue) == (QueueType.QUORUM, "a.b", "dead")
    assert queue.bindings == (Binding("demo.events", "job.#"), Binding("other", ""))
    assert (queue.message_ttl, queue.consumer_timeout) == (604800.0, 86400.0)
    assert (queue.max_length, queue.max_length_bytes, queue.delivery_limit) == (1000, 64 * 1024**2, 1_000_000)
    assert (queue.overflow, queue.origin) == (Overflow.REJECT_PUBLISH, OriginLevel.BROKER)
    assert (queue.description, queue.contact) == ("what pilots say", "ops@example.org")
    assert queue.publishers == Principals((DOE,), ("dirac_pilot",), ("robot",))
    assert queue.consumers == Principals((ROE, DOE))
    assert (queue.watchers.groups, queue.operators.groups, queue.movers.users) == (("ops",), ("admins",), ("mover",))


def test_whose_messages_are_taken(tmp_path):
    """AllowedDNs names people and servers, AllowedGroups groups; both together make one list, and none is no list."""
    assert queue_of(tmp_path, "Origin = broker").allowed is None
    assert queue_of(tmp_path, f"AllowedDNs = {DOE}, user:robot").allowed == Principals((DOE,), (), ("robot",))
    assert queue_of(tmp_path, "AllowedGroups = a, b, a").allowed == Principals((), ("a", "b"))
    both = queue_of(tmp_path, f"AllowedGroups = a\nAllowedDNs = {ROE}\nAllowedDNs += {DOE}").allowed
    assert both == Principals((ROE, DOE), ("a",))


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("AllowedDNs", "group:dirac_user", "group:dirac_user is a group, which belongs in AllowedGroups"),
        ("AllowedDNs", "jdoe", "'jdoe' is not a DN"),
        ("AllowedGroups", "group:dirac_user", "'group:dirac_user' is not the name of a group"),
        ("AllowedGroups", DOE, "is not the name of a group"),
        ("AllowedGroups", ",", "names no group"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(tmp_path, option, value, problem):
    """A typo neither allows somebody else nor everybody: the queue is refused, naming the option."""
    with pytest.raises(ConfigError, match=f"jobs/{option} in .*line.*{problem}"):
        queue_of(tmp_path, f"{option} = {value}")


def test_classic_and_stream_options(tmp_path):
    """MaxPriority is for classic queues; MaxAge for streams, in RabbitMQ's spelling."""
    assert queue_of(tmp_path, "MaxPriority = 10").max_priority == 10
    stream = queue_of(tmp_path, "Type = stream\nMaxAge = 7d\nMaxLengthBytes = 2G")
    assert (stream.type, stream.max_age, stream.max_length_bytes, stream.tap) == (
        QueueType.STREAM,
        "7D",
        2 * 1024**3,
        None,
    )


@pytest.mark.parametrize(("text", "age"), [("7D", "7D"), ("12h", "12h"), ("6M", "6M"), ("30m", "30m"), ("1 Y", "1Y")])
def test_max_age(tmp_path, text, age):
    """M are months and m minutes; only d is rewritten."""
    assert queue_of(tmp_path, f"Type = stream\nMaxAge = {text}").max_age == age


@pytest.mark.parametrize("spelling", ["Exchange", "ExchangeName"])
def test_exchange_of_the_cs(tmp_path, spelling):
    """Another exchange than NAME.x may be named, in either spelling."""
    assert queue_of(tmp_path, f"{spelling} = dirac.all").exchange == "dirac.all"


SUITABLE = {
    "MessageTTL": ("7d", "classic quorum"),
    "MaxLength": ("1", "classic quorum"),
    "MaxLengthBytes": ("1", "classic quorum stream"),
    "MaxAge": ("7D", "stream"),
    "DeadLetterQueue": ("dead", "classic quorum"),
    "Overflow": ("drop-head", "classic quorum"),
    "DeliveryLimit": ("5", "quorum"),
    "MaxPriority": ("5", "classic"),
    "ConsumerTimeout": ("1h", "classic quorum"),
}


@pytest.mark.parametrize("queue_type", list(QueueType))
@pytest.mark.parametrize("option", SUITABLE)
def test_option_that_the_type_cannot_take(tmp_path, option, queue_type):
    """What RabbitMQ would refuse at declaration is refused when read, for each type."""
    value, types = SUITABLE[option]
    text = f"Type = {queue_type}\n{option} = {value}"
    if queue_type in types.split():
        assert queue_of(tmp_path, text).type is queue_type
        return
    with pytest.raises(ConfigError) as caught:
        queue_of(tmp_path, text)
    assert str(caught.value) == (
        f"/Resources/MQServices/mq/Queues/jobs/{option} in {tmp_path}/dirac.cfg line 13: "
        f"a {queue_type} queue takes no {option}"
    )
    assert caught.value.hint == f"remove {option}, or change Type"


def test_empty_option_is_absent(tmp_path):
    """An option without a value is as good as none, as in DIRAC's own CFGs."""
    assert queue_of(tmp_path, "Type =\nMaxAge =\nPublishers = ").type is QueueType.CLASSIC


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("Type", "quorm", "'quorm' is none of classic, quorum, stream"),
        ("MessageTTL", "soon", "'soon' is not a duration such as 300ms, 5s, 2m, 1h or 3d"),
        ("MessageTTL", "0", "'0' is not between 1ms and 49d"),
        ("MessageTTL", "60d", "'60d' is not between 1ms and 49d, which is what RabbitMQ can time"),
        ("MessageTTL", "9" * 400, "is not a duration"),
        ("ConsumerTimeout", "-1", "'-1' is not a duration"),
        ("MaxLength", "10k", "'10k' is not a whole number of at least 0"),
        ("MaxLength", "9" * 19, "is not a whole number"),
        ("MaxLength", "9" * 5000, "is not a whole number"),
        ("MaxLengthBytes", "big", "'big' is not a size such as 4096, 64k, 10M or 2G"),
        ("MaxLengthBytes", "9999999999T", "is more than RabbitMQ can count"),
        ("Overflow", "reject", "'reject' is none of drop-head, reject-publish"),
        ("MaxPriority", "256", "'256' is not a whole number from 1 to 255"),
        ("Origin", "proved", "'proved' is none of claimed, broker, signed"),
        ("Bindings", "demo.events", "'demo.events' is not exchange:pattern"),
        ("Bindings", "a:b, :c", "':c' is not exchange:pattern"),
        ("Bindings", f"a:{'k' * 256}", "longer than 255 octets"),
        ("RoutingKey", "é" * 128, "longer than 255 octets, which is all that AMQP carries"),
        ("Exchange", "x" * 256, "longer than 255 octets"),
        ("DeadLetterQueue", "jobs", "a queue cannot be its own dead letter queue"),
        ("DeadLetterQueue", "gone", "mq has no queue 'gone'"),
        ("Publishers", "jdoe", "'jdoe' is not a DN, group:NAME or user:LOGIN"),
        ("Consumers", "group:a, jdoe", "'group:a, jdoe' is not a DN"),
        ("Watchers", "user:Robot", "'user:Robot' is not a DN"),
        ("Operators", "group:", "'group:' is not a DN"),
        ("Movers", "/DC=org/CN=a\\b", "backslash"),
    ],
)
def test_refused_options(tmp_path, option, value, problem):
    """A bad value is refused with section, option, file and line, and what it should be."""
    with pytest.raises(ConfigError) as caught:
        queue_of(tmp_path, f"{option} = {value}")
    text = str(caught.value)
    assert text.startswith(f"/Resources/MQServices/mq/Queues/jobs/{option} in {tmp_path}/dirac.cfg line 12: ")
    assert problem in text


def test_delivery_limit_of_minus_one_is_refused(tmp_path):
    """-1 is unlimited on RabbitMQ 4 but drops at the first requeue on 3.10: a number must be named."""
    with pytest.raises(ConfigError, match="'-1' is not a whole number of at least 0"):
        queue_of(tmp_path, "Type = quorum\nDeliveryLimit = -1")


@pytest.mark.parametrize("age", ["0D", "7", "7w", "-1D", "1.5h", "7DD"])
def test_refused_ages(tmp_path, age):
    """What RabbitMQ would not take for an age is refused."""
    with pytest.raises(ConfigError, match="is not an age such as 12h, 7D, 6M"):
        queue_of(tmp_path, f"Type = stream\nMaxAge = {age}")


def test_dead_letter_queue_hint(tmp_path):
    """The hint of a mistyped dead letter queue names the queues there are."""
    with pytest.raises(ConfigError) as caught:
        queue_of(tmp_path, "DeadLetterQueue = Dead")
    assert caught.value.hint == "its queues are dead, jobs"


def test_dead_letters_may_go_to_a_refused_queue(tmp_path):
    """A bad option of the dead letter queue is that queue's problem."""
    body = "Queues\n{\njobs\n{\nDeadLetterQueue = dead\n}\ndead\n{\nType = bad\n}\n}"
    assert model_of(tmp_path, mq_service(body)).resolve("jobs").dead_letter_queue == "dead"


def test_too_long_a_name(tmp_path):
    """A name must leave room for .tap within AMQP's 255 octets."""
    name = "q" * 252
    model = model_of(tmp_path, one_queue("", name=name))
    with pytest.raises(ConfigError, match=r"the name with \.tap is longer than 255 octets"):
        model.resolve(name)
    assert model_of(tmp_path, one_queue("", name=name[1:])).resolve(name[1:]).tap == f"{name[1:]}.tap"


def test_one_bad_queue_does_not_hide_the_others(tmp_path):
    """Only the bad queue is refused; it raises when asked for, by its path or its bare name."""
    model = model_of(tmp_path, one_queue("Type = quorm"))
    assert [queue.name for queue in model] == ["dead"]
    for name in ("jobs", "mq::Queues::jobs"):
        with pytest.raises(ConfigError, match="quorm"):
            model.resolve(name)


def test_queues_keep_their_order(tmp_path):
    """Queues are listed as the CFG has them."""
    names = ["zeta", "alpha", "mid"]
    body = "Queues\n{\n" + "".join(f"{name}\n{{\n}}\n" for name in names) + "}"
    assert [queue.name for queue in model_of(tmp_path, mq_service(body))] == names


def test_principals():
    """DNs keep their commas and are normalised; each principal counts once."""
    text = f"{DOE},{ROE}, group:a , user:b-1, {DOE}, group:a,/DC=org/CN=J\\xc3\\x9c,"
    assert principals(text) == Principals((DOE, ROE, "/DC=org/CN=J\\xC3\\x9C"), ("a",), ("b-1",))


_TEXT = st.text(st.sampled_from("/,:=gDC aé[]\\x5-") | st.characters(), max_size=40)


@given(st.one_of(_TEXT, st.lists(st.sampled_from(["group:", "user:", "/CN=", ",", "a", " ", "/", ":"])).map("".join)))
def test_lists_never_crash(text):
    """Any text is read, or refused with the errors that become a ConfigError."""
    for read in (principals, bindings, lambda value: hosts(value, 5671)):
        try:
            found = read(text)
        except (ValueError, DataError):
            continue
        assert found is not None


@given(
    st.lists(
        st.one_of(
            st.from_regex(r"group:[a-z_]{1,8}", fullmatch=True),
            st.from_regex(r"user:[a-z0-9_-]{1,8}", fullmatch=True),
            st.from_regex(r"(/(CN|OU|DC)=[A-Za-z][A-Za-z, ]{0,6}[a-z]){1,3}", fullmatch=True),
        ),
        unique=True,
        min_size=1,
    ),
    st.sampled_from([",", ", ", " , "]),
)
def test_every_principal_is_found(principals_, separator):
    """Whatever was joined by commas comes apart again, commas within DNs or not."""
    found = principals(separator.join(principals_))
    assert sorted([*found.dns, *(f"group:{g}" for g in found.groups), *(f"user:{u}" for u in found.users)]) == sorted(
        principals_
    )
