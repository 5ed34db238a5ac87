"""``/Registry``: users, groups, and the DNs of a group's members."""

import pytest
from support.cfgs import load, write_cfg

from diracmq_cli.config import read_registry
from diracmq_cli.core.registry import Registry
from diracmq_cli.errors import ConfigError

CFG = """
Registry
{
  Users
  {
    jdoe
    {
      DN = /DC=org/CN=Doe, Jane, /DC=org/CN=Jane\\/Doe
      Email = jane@example.org
    }
    roe
    {
      DN = /DC=org/CN=Roe
      DN += /DC=org/CN=Roe 2
    }
    gone
    {
      Email = gone@example.org
    }
    odd
    {
      DN = not a DN, /DC=org/CN=a\\b, /DC=org/CN=Odd
    }
  }
  Groups
  {
    dirac_user
    {
      Users = jdoe, roe, gone, nobody, jdoe
      Properties = NormalUser
      Properties += Other
    }
    odds
    {
      Users = odd
    }
    empty
    {
    }
  }
}
"""


@pytest.fixture
def registry(tmp_path):
    """The registry of CFG."""
    return read_registry(load(write_cfg(tmp_path, CFG)))


def test_members(registry):
    """A group's DNs come normalised and once each, commas within them kept; unknown nicks add none."""
    assert registry.members("dirac_user") == (
        "/DC=org/CN=Doe, Jane",
        "/DC=org/CN=Jane/Doe",
        "/DC=org/CN=Roe",
        "/DC=org/CN=Roe 2",
    )
    assert registry.members("empty") == ()


def test_groups_and_users(registry):
    """Nicks and properties are kept as they stand."""
    assert registry.groups["dirac_user"].properties == ("NormalUser", "Other")
    assert registry.groups["dirac_user"].users[:3] == ("jdoe", "roe", "gone")
    assert registry.users["gone"] == ()


def test_unknown_group(registry, tmp_path):
    """A group that does not exist is an error (78), not an empty one: it may be a typo in a list of rights."""
    with pytest.raises(ConfigError) as caught:
        registry.members("dirac_users")
    assert str(caught.value) == f"/Registry/Groups in {tmp_path}/dirac.cfg has no group dirac_users"
    with pytest.raises(ConfigError, match="in no CFG file has no group"):
        Registry().members("any")


def test_bad_dns_give_no_right_and_are_reported(registry, tmp_path):
    """A DN that cannot be read is left out and named; the user's good ones, and other users, stay."""
    assert registry.members("odds") == ("/DC=org/CN=Odd",)
    assert list(registry.refused) == ["odd"]
    assert registry.refusals("odds") == registry.refused["odd"]
    assert registry.refusals("dirac_user") == ()
    assert len(registry.refused["odd"]) == 2
    for error in registry.refused["odd"]:
        assert str(error).startswith(f"/Registry/Users/odd/DN in {tmp_path}/dirac.cfg line 22: ")


def test_pilots(tmp_path):
    """Whoever is in a group of pilots runs pilots: by its property (two spellings), or by its name alone."""
    users = "".join(f"{nick} {{\n DN = /DC=org/CN={nick}\n}}\n" for nick in ("one", "two", "three", "four"))
    groups = (
        "g {\n Users = one\n Properties = GenericPilot, LimitedDelegation\n}\n"
        "h {\n Users = two\n Properties = Pilot\n}\n"
        "vo_pilot {\n Users = three, gone\n}\n"
        "others {\n Users = four\n Properties = NormalUser\n}\n"
    )
    text = f"Registry\n{{\nUsers\n{{\n{users}}}\nGroups\n{{\n{groups}}}\n}}\n"
    pilots = read_registry(load(write_cfg(tmp_path, text))).pilots()
    assert pilots == {"/DC=org/CN=one", "/DC=org/CN=two", "/DC=org/CN=three"}


def test_no_registry(tmp_path):
    """A CFG without /Registry has no users and no groups."""
    registry = read_registry(load(write_cfg(tmp_path, "")))
    assert (registry.users, registry.groups, registry.refused) == ({}, {}, {})
