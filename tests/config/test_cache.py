"""What was read is kept between commands: equal to what reading again would give, or not used."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.bigcs import big_cs
from support.cfgs import FULL, load, mq_service, one_queue, write_cfg

from diracmq_cli.config import ConfigurationService, Extract, LocalSources, RemoteAccess, cache, plain
from diracmq_cli.config.cache import ExtractCache
from diracmq_cli.config.reading import read_extract
from diracmq_cli.config.storage import Storage, cache_directory
from diracmq_cli.core.identity import CredentialSettings
from diracmq_cli.core.model import BrokerService, ExchangeSpec, QueueSpec, Secret
from diracmq_cli.errors import CredentialError

DATA = Path(__file__).parent / "data"


def equal(one: Extract, two: Extract) -> bool:
    """Equal, and also in what a dataclass does not compare: errors, and why a password is not used."""
    return _telling(one) == _telling(two)


def _telling(extract: Extract) -> object:
    model = extract.model
    services = [*model.services, *(spec.service for spec in (*model.queues, *model.exchanges))]
    refused = [(address, str(error), error.hint) for address, error in model.refused]
    problems = [(str(each.password_problem), getattr(each.password_problem, "hint", None)) for each in services]
    secrets = [each.password and (each.password.value, each.password.place) for each in services]
    rest = {name: value for name, value in extract._asdict().items() if name != "model"}
    parts = (model.queues, model.exchanges, model.services, model.files)
    return parts, refused, problems, secrets, {**rest, "group_vos": dict(extract.group_vos)}


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled at once: no test waits for the clock of the file system."""
    monkeypatch.setattr(cache, "_SETTLED", -1.0)


def sources(directory: Path, *files: str, options: tuple[str, ...] = ()) -> LocalSources:
    environment = {"XDG_CACHE_HOME": str(directory / "cache"), "DIRAC_ROOT_PATH": "/nonexistent"}
    return LocalSources(options, files, environment)


def read(found: LocalSources) -> Extract:
    """The extract as a new command has it."""
    return ConfigurationService(found, RemoteAccess(_nobody)).local


def kept(found: LocalSources) -> Extract | None:
    """What is kept for the sources as they are now."""
    cached = ExtractCache(Storage(cache_directory(found.environment)), found)
    return cached.load(cached.state())


def _nobody() -> object:
    raise AssertionError("nobody is asked")


@pytest.mark.parametrize("name", ["full", *sorted(path.name for path in DATA.glob("*.cfg"))])
@pytest.mark.parametrize("mode", [0o600, 0o644])
@pytest.mark.usefixtures("settled")
def test_kept_is_what_was_read(tmp_path: Path, name: str, mode: int) -> None:
    """For a CFG that uses everything, and for DIRAC's own: the second command has what the first had."""
    text = FULL if name == "full" else (DATA / name).read_text()
    found = sources(tmp_path, write_cfg(tmp_path, text, mode=mode))
    first = read(found)
    assert kept(found) is not None
    assert equal(first, kept(found) or first)
    assert equal(read(found), read_extract(load(*found.cfg_files)))


@pytest.mark.usefixtures("settled")
def test_passwords_are_not_kept(tmp_path: Path) -> None:
    """A password is read anew from its place, and what is kept does not hold it."""
    found = sources(tmp_path, write_cfg(tmp_path, FULL, mode=0o600))
    assert read(found).model.resolve("jobs").service.password == Secret("s3cret")
    again = kept(found)
    assert again is not None
    assert again.model.resolve("jobs").service.password == Secret("s3cret")
    for path in (tmp_path / "cache" / "dirac-mq").iterdir():
        assert b"s3cret" not in path.read_bytes()


def changes(directory: Path) -> Mapping[str, object]:
    """Everything that can happen to a source between two commands."""
    file = directory / "dirac.cfg"
    status = file.stat()
    same_size = file.read_text().replace("Description = one", "Description = two")

    def same_times() -> None:
        file.write_text(same_size)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    def replaced() -> None:
        write_cfg(directory, same_size, "new.cfg")
        os.utime(directory / "new.cfg", ns=(status.st_atime_ns, status.st_mtime_ns))
        (directory / "new.cfg").rename(file)

    return {
        "rewritten": lambda: file.write_text(same_size + "\n"),
        "same size and times": same_times,
        "replaced by a file of the same size and times": replaced,
        "mode": lambda: file.chmod(0o640),
        "gone": file.unlink,
        "one more file": lambda: write_cfg(directory, "A\n{\n}\n", "home/.dirac.cfg"),
        "link": lambda: (file.rename(directory / "x.cfg"), file.symlink_to(write_cfg(directory, same_size, "y.cfg"))),
    }


CHANGES = [
    "rewritten",
    "same size and times",
    "replaced by a file of the same size and times",
    "mode",
    "gone",
    "one more file",
    "link",
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.usefixtures("settled")
def test_change_of_a_source(tmp_path: Path, change: str) -> None:
    """After any change of any source nothing that was kept is used."""
    write_cfg(tmp_path, one_queue("Description = one"))
    environment = {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "DIRACSYSCONFIG": str(tmp_path / "dirac.cfg"),
        "DIRAC_ROOT_PATH": "/nonexistent",
        "HOME": str(tmp_path / "home"),
    }
    found = LocalSources(environment=environment)
    read(found)
    assert kept(found) is not None
    time.sleep(0.01)  # the kernel's clock ticks every 4 ms
    changes(tmp_path)[change]()  # type: ignore[operator]
    assert kept(found) is None
    read(found)
    assert kept(found) is not None
    if change not in ("mode", "gone", "one more file"):
        assert read(found).model.resolve("jobs").description == "two"


@pytest.mark.usefixtures("settled")
def test_options_and_versions_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other -o, another version of ours, another copy of the CS: another extract."""
    file = write_cfg(tmp_path, one_queue("Description = one"))
    option = ("/Resources/MQServices/mq/Queues/jobs/Description=two",)
    assert read(sources(tmp_path, file)).model.resolve("jobs").description == "one"
    assert read(sources(tmp_path, file, options=option)).model.resolve("jobs").description == "two"
    assert read(sources(tmp_path, file)).model.resolve("jobs").description == "one"
    cached = ExtractCache(Storage(str(tmp_path / "cache" / "dirac-mq")), sources(tmp_path, file))
    assert cached.load(cached.state()) is not None
    assert cached.load(cached.state("some copy")) is None
    monkeypatch.setattr(cache, "__version__", "99")
    assert kept(sources(tmp_path, file)) is None


def test_file_that_may_still_change_is_not_trusted(tmp_path: Path) -> None:
    """A file written within the last tick of a clock might change again and look the same: nothing is kept of it."""
    found = sources(tmp_path, write_cfg(tmp_path, one_queue("")))
    read(found)
    assert kept(found) is None
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("settled")
def test_source_that_changes_while_it_is_read(tmp_path: Path) -> None:
    """What was read from a file that has changed meanwhile is not kept for it."""
    file = write_cfg(tmp_path, one_queue("Description = one"))
    found = sources(tmp_path, file)
    cached = ExtractCache(Storage(str(tmp_path / "cache" / "dirac-mq")), found)
    state = cached.state()
    extract = read_extract(load(file))
    write_cfg(tmp_path, one_queue("Description = other"))
    cached.save(state, extract)
    assert cached.load(state) is None
    assert read(found).model.resolve("jobs").description == "other"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.usefixtures("settled")
def test_damage_is_ignored(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever becomes of what is kept, it is ignored and made anew; marshal does not see what fails the checksum."""
    found = sources(tmp_path, write_cfg(tmp_path, FULL))
    first = read(found)
    (path,) = (tmp_path / "cache" / "dirac-mq").glob("extract-*")
    octets = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    else:
        del octets[data.draw(st.integers(0, len(octets) - 1)) :]
    path.write_bytes(octets)
    assert kept(found) is None
    assert equal(read(found), first)
    path.unlink()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.floats() | st.text(max_size=3) | st.binary(max_size=3),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=3), below, max_size=3),
    max_leaves=5,
)


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_strict_reading(data: st.DataObject) -> None:
    """Plain data with something else in some place is refused by one of the three errors, or means something."""
    found = read_extract(load(_full_cfg()))
    tree = plain.to_plain(found)
    place: object = tree
    for _ in range(data.draw(st.integers(1, 6))):
        keys = list(place) if isinstance(place, dict) else range(len(place))  # type: ignore[arg-type]
        if not keys:
            break
        holder, key = place, data.draw(st.sampled_from(keys))
        place = holder[key]  # type: ignore[index]
        if not isinstance(place, dict | list) or not place:
            break
    holder[key] = data.draw(PLAIN)  # type: ignore[index]
    try:
        got = plain.from_plain(tree, lambda place: Secret("x", place))
    except (ValueError, TypeError, LookupError, AttributeError):
        return
    assert isinstance(got, Extract)
    for queue in got.model.queues:
        assert isinstance(queue.name, str)
        assert isinstance(queue.service, BrokerService)
        assert isinstance(queue.message_ttl, float | None)


_FULL: list[str] = []


def _full_cfg() -> str:
    if not _FULL:
        import tempfile

        _FULL.append(write_cfg(Path(tempfile.mkdtemp()), FULL, mode=0o600))
    return _FULL[0]


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        (QueueSpec, plain._QUEUE.keys() | {"service"}),
        (ExchangeSpec, plain._EXCHANGE.keys() | {"service"}),
        (BrokerService, plain._SERVICE.keys() | {"password"}),
        (CredentialSettings, plain._SECURITY.keys()),
    ],
)
def test_every_field_can_be_kept(kind: type, table: set[str]) -> None:
    """A field that is added to the model has to be added to what is kept: this fails until it is."""
    assert {each.name for each in fields(kind)} == set(table)
    assert set(Extract._fields) == {"model", "security", *plain._REST}


def test_exposed_password_keeps_its_problem(tmp_path: Path, settled: None) -> None:
    """Why a password must not be used is kept with its hint."""
    head = "Host = mq1\nUser = robot\nPassword = s3cret"
    found = sources(tmp_path, write_cfg(tmp_path, mq_service("Queues\n{\nq\n{\n}\n}", head=head)))
    read(found)
    again = kept(found)
    assert again is not None
    problem = again.model.resolve("q").service.password_problem
    assert isinstance(problem, CredentialError)
    assert problem.hint == f"chmod 600 {found.cfg_files[0]}"


@pytest.mark.usefixtures("settled")
def test_number_of_files_is_bounded(tmp_path: Path) -> None:
    """A thousand different -o do not fill the disk: the oldest go; so do torn files of killed processes, in time."""
    file = write_cfg(tmp_path, one_queue(""))
    storage = Storage(str(tmp_path / "cache" / "dirac-mq"))
    for number in range(100):
        read(sources(tmp_path, file, options=(f"/A/B/C={number}",)))
    assert len(list(Path(str(storage.directory)).iterdir())) == 64
    torn = Path(storage.path(".cs-1.cfg.0123"))
    torn.write_text("")
    storage.write("x", b"")
    assert torn.exists()
    os.utime(torn, (0, 0))
    storage.write("x", b"")
    assert not torn.exists()


def test_atomic_replacement(tmp_path: Path) -> None:
    """A reader sees one of the whole contents that were ever written, never a mixture, and no temporary stays."""
    storage = Storage(str(tmp_path / "d"))
    program = (
        "import sys; from diracmq_cli.config.storage import Storage\n"
        "s = Storage(sys.argv[1])\n"
        "for n in range(150): s.write('f', bytes([n % 250]) * 300_000)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "d")]) for _ in range(2)]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        octets = storage.read("f")
        if octets is not None:
            assert len(octets) == 300_000
            assert len(set(octets)) == 1
            seen += 1
    assert seen > 5
    assert [writer.returncode for writer in writers] == [0, 0]
    assert [path.name for path in (tmp_path / "d").iterdir()] == ["f"]


SPEED = """
import sys, time
import diracmq_cli.core.model, diracmq_cli.core.identity, diracmq_cli.errors
from diracmq_cli.config import ConfigurationService, LocalSources, RemoteAccess
import diracmq_cli.config.plain
environment = {"XDG_CACHE_HOME": sys.argv[2], "DIRAC_ROOT_PATH": "/nonexistent"}
sources = LocalSources(cfg_files=(sys.argv[1],), environment=environment)
started = time.perf_counter()
model = ConfigurationService(sources, RemoteAccess(None)).local.model
taken = time.perf_counter() - started
model.resolve("lhcb.q7")
print(taken, len(model.queues), "diraccfg" in sys.modules)
"""


def test_speed(tmp_path: Path, settled: None) -> None:
    """A CS of 1 MB with 200 queues is ready in some 5 ms in a second process, without diraccfg; the bound is loose."""
    text = big_cs()
    assert 1_000_000 <= len(text) < 1_050_000
    file = write_cfg(tmp_path, text)
    started = time.perf_counter()
    read(sources(tmp_path, file))
    first = time.perf_counter() - started
    times = []
    for _ in range(5):
        command = [sys.executable, "-c", SPEED, file, str(tmp_path / "cache")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        taken, queues, parsed = done.stdout.split()
        assert (queues, parsed) == ("200", "False")
        times.append(float(taken))
    assert min(times) < 0.015
    assert min(times) < first / 40
