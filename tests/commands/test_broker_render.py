"""``dirac-mq broker render``: exit status, stdout, stderr, and what is on disk."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.broker import Completed
from support.forked import Fleet, fleet_in
from support.pki import make_pki
from support.rendered import clean_environment

CFG = """
Registry
{
  Users
  {
    jane
    {
      DN = /DC=org/CN=Jane
    }
    pilot
    {
      DN = /DC=org/CN=Pilot
    }
    odd
    {
      DN = /DC=org/CN=a\\b
    }
  }
  Groups
  {
    users
    {
      Users = jane
    }
    pilots
    {
      Users = pilot
      Properties = GenericPilot
    }
    odds
    {
      Users = jane, odd
    }
  }
}
Resources
{
  MQServices
  {
    mq
    {
      Host = mq.example.org
      Queues
      {
        jobs
        {
          Publishers = group:pilots
          Consumers = group:users
          MaxLengthBytes = 1GB
          Overflow = reject-publish
          MORE
        }
      }
    }
    elsewhere
    {
      Host = other.example.org
      Queues
      {
        broken
        {
          Type = nonsense
        }
      }
    }
  }
}
"""


@dataclass(frozen=True)
class Place:
    """A directory with a CFG, a CA directory, a host certificate and its key."""

    directory: Path
    fleet: Fleet

    @property
    def out(self) -> Path:
        return self.directory / "out"

    def run(self, *arguments: str, service: str = "mq", more: str = "") -> Completed:
        cfg = self.directory / "dirac.cfg"
        cfg.write_text(CFG.replace("MORE", more))
        cfg.chmod(0o600)
        places = ("--cfg", "dirac.cfg", "--out", "out", "--ca-dir", "certificates")
        host = ("--host-cert", "host.pem", "--host-key", "key.pem")
        command = ["broker", "render", "--service", service, *places, *host, *arguments]
        return self.fleet.run(command, clean_environment(self.directory), cwd=self.directory)

    def contents(self) -> dict[str, tuple[int, bytes]]:
        """Modes and octets of all files in ``out``."""
        return {
            str(path.relative_to(self.out)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
            for path in self.out.rglob("*")
            if path.is_file()
        }


@pytest.fixture(scope="module")
def fleet(tmp_path_factory) -> Iterator[Fleet]:
    with fleet_in(tmp_path_factory.mktemp("commands"), at_once=1) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    """A CA directory; nothing here changes it."""
    return make_pki(tmp_path_factory.mktemp("pki")).ca_directory


@pytest.fixture
def place(tmp_path, certificates, fleet) -> Place:
    (tmp_path / "certificates").symlink_to(certificates)
    (tmp_path / "host.pem").write_text("certificate")
    (tmp_path / "key.pem").write_text("very secret key")
    (tmp_path / "key.pem").chmod(0)
    return Place(tmp_path, fleet)


def test_what_it_writes(place):
    """Files, their states on stdout, where they go in the README; the key is neither read nor copied."""
    done = place.run()
    assert done.status == 0, done.stderr
    found = place.contents()
    plain = {"README", "rabbitmq.conf", "advanced.config", "enabled_plugins", "definitions.json", "ca.pem"}
    assert plain <= found.keys()
    assert {row.split("\t")[1] for row in done.stdout.splitlines()} == found.keys()
    assert {row.split("\t")[0] for row in done.stdout.splitlines()} == {"new"}
    assert all(b"very secret key" not in octets for _, octets in found.values())
    assert any(re.fullmatch(r"plugins/rabbitmq_grid_proxy-[0-9.]+/ebin/rabbit_grid_proxy.beam", name) for name in found)
    readme = found["README"][1].decode()
    for name in sorted(plain - {"README"}):
        assert f"/etc/rabbitmq/{name}" in readme
    assert f"{place.directory}/key.pem" in readme
    assert b"very secret key" not in readme.encode()
    assert f'{{keyfile, "{place.directory}/key.pem"}}' in found["advanced.config"][1].decode()
    assert not [path for path in place.out.iterdir() if path.name.startswith(".")]


def test_twice_is_the_same(place):
    """Identical octets, and the command says so; a file that somebody changed is put right and named."""
    assert place.run().status == 0
    first = place.contents()
    done = place.run("-j")
    assert place.contents() == first
    assert {json.loads(line)["state"] for line in done.stdout.splitlines()} == {"same"}
    (place.out / "rabbitmq.conf").write_text("listeners.tcp.default = 5672\n")
    (place.out / "mine").write_text("left alone")
    changed = place.run("-j").stdout.splitlines()
    assert [json.loads(line)["file"] for line in changed if '"changed"' in line] == ["rabbitmq.conf"]
    found = place.contents()
    assert found.pop("mine")[1] == b"left alone"
    assert found == first


def test_users_only_when_asked(place):
    """Without --with-users nobody is in the definitions; with them the file is its owner's alone."""
    place.run()
    mode, text = place.contents()["definitions.json"]
    assert (mode, json.loads(text)["users"], json.loads(text)["permissions"]) == (0o644, [], [])
    done = place.run("--with-users")
    mode, text = place.contents()["definitions.json"]
    assert mode == 0o600
    assert [user["name"] for user in json.loads(text)["users"]] == ["/DC=org/CN=Jane", "/DC=org/CN=Pilot"]
    assert "guest" not in text.decode()
    assert done.status == 0
    assert "come back at each restart" in (place.out / "README").read_text()


def test_flags_reach_the_files(place):
    """Listeners, CRLs, limited proxies, number of proxies, places."""
    flags = ("--listen", "192.0.2.1", "--listen", "[2001:db8::1]:5679", "--crl", "off", "--limited", "reject")
    assert place.run(*flags, "--max-proxies", "2", "--etc", "/srv/mq").status == 0
    conf, advanced = (place.contents()[name][1].decode() for name in ("rabbitmq.conf", "advanced.config"))
    assert "listeners.ssl.1 = 192.0.2.1:5671\nlisteners.ssl.2 = [2001:db8::1]:5679\n" in conf
    assert "load_definitions = /srv/mq/definitions.json\n" in conf
    assert "{max_proxies, 2}, {limited, reject}, {crl, off}" in advanced
    assert '{cacertfile, "/srv/mq/ca.pem"}' in advanced


@pytest.mark.parametrize(
    ("more", "flags", "service", "status", "said"),
    [
        ("", (), "none", 66, "no service none in the configuration"),
        ("", (), "elsewhere", 78, "/Resources/MQServices/elsewhere/Queues/broken/Type"),
        ("Movers = group:odds", (), "mq", 78, "/Registry/Users/odd/DN"),
        ("Movers = group:nobody", (), "mq", 78, "has no group nobody"),
        (f"Movers = /DC=org/CN={'x' * 260}", (), "mq", 78, "longer than 255 octets"),
        (
            "Watchers = group:pilots",
            ("--strict",),
            "mq",
            78,
            "Watchers reaches /DC=org/CN=Pilot, under which pilots run",
        ),
        ("", ("--ca-dir", "out"), "mq", 78, "CA"),
        ("", ("--listen", "a b"), "mq", 2, "'a b' is not a host"),
        ("", ("--limited", "maybe"), "mq", 2, "maybe"),
        ("", ("--out", "key.pem/x"), "mq", 74, "cannot write"),
    ],
)
def test_what_is_refused(place, more, flags, service, status, said):
    """The place is named, nothing is on stdout, and nothing is left on disk."""
    done = place.run(*flags, service=service, more=more)
    assert (done.status, done.stdout) == (status, ""), done.stderr
    assert said in done.stderr
    assert not place.out.exists()


def test_what_is_odd(place):
    """Warnings, with the files written all the same; --strict has nothing against queues."""
    done = place.run(more="Watchers = group:pilots")
    assert done.status == 0
    assert (
        "warning: /Resources/MQServices/mq/Queues/jobs in dirac.cfg: Watchers reaches /DC=org/CN=Pilot" in done.stderr
    )
    assert "warning: no CRL of /DC=org/DC=example/CN=Test CA in" in done.stderr
    assert "10 GB" not in done.stderr
    assert place.run("--strict").status == 0
