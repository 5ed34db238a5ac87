"""Which file wins: DIRAC's order of sources, with real files."""

import sys
from itertools import pairwise

import pytest
from support.cfgs import write_cfg

from diracmq_cli.config import LocalSources, load_configuration
from diracmq_cli.errors import ConfigError, ExitStatus

PATH = "/A/B/Option"

ORDER = ["-o", "--cfg (last)", "--cfg (earlier)", "DIRAC_MQ_CFG", "~/.dirac.cfg", "DIRACSYSCONFIG (first)"]
ORDER += ["DIRACSYSCONFIG (second)", "<root>/etc/dirac.cfg"]


def sources(directory, used, root_variable="DIRAC_ROOT_PATH"):
    """Sources of which those in ``used`` set PATH to their own name, and the others are there and set something else.

    Returns the sources and the file of each.
    """
    names = ["last.cfg", "earlier.cfg", "mq.cfg", "home/.dirac.cfg", "first.cfg", "second.cfg", "root/etc/dirac.cfg"]
    files = {}
    for who, name in zip(ORDER[1:], names, strict=True):
        option = f"Option = {who}" if who in used else "Other = 1"
        files[who] = write_cfg(directory, f"A\n{{\nB\n{{\n{option}\n}}\n}}\n", name)
    found = LocalSources(
        options=(f"{PATH}=-o",) if "-o" in used else (),
        cfg_files=(files["--cfg (earlier)"], files["--cfg (last)"]),
        environment={
            "DIRAC_MQ_CFG": files["DIRAC_MQ_CFG"],
            "HOME": str(directory / "home"),
            "DIRACSYSCONFIG": f"{files['DIRACSYSCONFIG (first)']}, {files['DIRACSYSCONFIG (second)']}",
            root_variable: str(directory / "root"),
        },
    )
    return found, files


@pytest.mark.parametrize(("higher", "lower"), list(pairwise(ORDER)))
def test_higher_source_wins(tmp_path, higher, lower):
    """Of two neighbours in DIRAC's order the higher gives the value, and the option says which file that was."""
    found, files = sources(tmp_path, {higher, lower})
    option = load_configuration(found).get(PATH)
    assert option.value == higher
    assert option.file == files.get(higher, "-o")
    assert option.line == (None if higher == "-o" else 5)


@pytest.mark.parametrize("only", ORDER)
def test_every_source_is_read(tmp_path, only):
    """An option that one source alone holds is found, whichever it is."""
    found, _ = sources(tmp_path, {only})
    assert load_configuration(found).text(PATH) == only


def test_files_are_listed_highest_first(tmp_path):
    """``files`` names what was read, in the order of precedence."""
    found, files = sources(tmp_path, set())
    assert load_configuration(found).files == tuple(files[who] for who in ORDER[1:])


def test_file_named_twice_counts_where_it_ranks_higher(tmp_path):
    """A pilot's DIRACSYSCONFIG may also be its --cfg: it is read once, as --cfg."""
    pilot = write_cfg(tmp_path, "A\n{\nB\n{\nOption = pilot\n}\n}\n", "pilot.cfg")
    other = write_cfg(tmp_path, "A\n{\nB\n{\nOption = other\n}\n}\n", "other.cfg")
    environment = {"DIRACSYSCONFIG": f"{other},{pilot}", "DIRAC_ROOT_PATH": "/nonexistent"}
    found = load_configuration(LocalSources((), (pilot,), environment))
    assert found.text(PATH) == "pilot"
    assert found.files == (pilot, other)


@pytest.mark.parametrize("variable", ["DIRAC_ROOT_PATH", "DIRAC", "DIRACOS"])
def test_root_from_environment(tmp_path, variable):
    """Each of the three variables names the installation root; DIRAC_ROOT_PATH wins."""
    found, _ = sources(tmp_path, {ORDER[-1]}, root_variable=variable)
    assert load_configuration(found).text(PATH) == ORDER[-1]
    assert load_configuration(found).root == str(tmp_path / "root")


def test_root_order():
    """DIRAC_ROOT_PATH before DIRAC before DIRACOS, an empty one does not count, and the last resort is sys.prefix."""
    assert LocalSources(environment={"DIRACOS": "/o", "DIRAC": "/d", "DIRAC_ROOT_PATH": "/r"}).root == "/r"
    assert LocalSources(environment={"DIRACOS": "/o", "DIRAC": "/d", "DIRAC_ROOT_PATH": ""}).root == "/d"
    assert LocalSources(environment={}).root == sys.prefix


def test_nothing_at_all(tmp_path):
    """Without HOME, without any file: an empty configuration, not an error (a pilot's environment may be bare)."""
    found = load_configuration(LocalSources(environment={"DIRAC_ROOT_PATH": str(tmp_path)}))
    assert found.files == ()
    assert found.text(PATH) is None


def test_missing_dirac_sysconfig_is_ignored(tmp_path):
    """A DIRACSYSCONFIG file that does not exist is passed over, as DIRAC does; the next one is read."""
    here = write_cfg(tmp_path, "A\n{\nB\n{\nOption = here\n}\n}\n")
    environment = {"DIRACSYSCONFIG": f"{tmp_path}/no.cfg,,{here}/below, {here} ,", "DIRAC_ROOT_PATH": "/nonexistent"}
    found = load_configuration(LocalSources(environment=environment))
    assert found.files == (here,)


@pytest.mark.parametrize("who", ["--cfg", "DIRAC_MQ_CFG"])
def test_missing_named_file_is_an_error(tmp_path, who):
    """A file that the user names must exist: exit 78, naming who named it."""
    missing = str(tmp_path / "no.cfg")
    named = LocalSources(
        cfg_files=(missing,) if who == "--cfg" else (),
        environment={"DIRAC_MQ_CFG": missing} if who == "DIRAC_MQ_CFG" else {},
    )
    with pytest.raises(ConfigError) as caught:
        load_configuration(named)
    assert str(caught.value) == f"{who} names {missing}, which does not exist"
    assert caught.value.exit_status is ExitStatus.CONFIG


def test_unreadable_file(tmp_path):
    """A file that is there but cannot be read is an error, even from DIRACSYSCONFIG: its options would be missed."""
    loop = tmp_path / "loop.cfg"
    loop.symlink_to(loop)
    for name, reason in ((str(tmp_path), "is a directory"), (str(loop), "too many levels of symbolic links")):
        with pytest.raises(ConfigError) as caught:
            load_configuration(LocalSources(environment={"DIRACSYSCONFIG": name}))
        assert str(caught.value) == f"cannot read {name}: {reason}"
