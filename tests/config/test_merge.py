"""Laying one tree over another."""

import diraccfg
from hypothesis import given
from hypothesis import strategies as st

from diracmq_cli.config.cfgfile import parse_cfg
from diracmq_cli.config.tree import merge

_NAMES = st.sampled_from(["a", "b", "c"])
_VALUES = st.sampled_from(["1", "2", ""])


def _cfgs(children):
    return st.dictionaries(_NAMES, st.one_of(_VALUES, children), max_size=3)


CFGS = _cfgs(st.recursive(st.dictionaries(_NAMES, _VALUES, max_size=2), _cfgs, max_leaves=6))


def text_of(cfg):
    """A CFG's text."""
    return "".join(
        f"{name} = {value}\n" if isinstance(value, str) else f"{name}\n{{\n{text_of(value)}}}\n"
        for name, value in cfg.items()
    )


def options_of(section):
    """Every option of a tree by its path."""
    found = {f"{section.path}/{name}": option for name, option in section.options.items()}
    for child in section.sections.values():
        found |= options_of(child)
    return found


def names_of(section):
    """Every name in its order, with those below it."""
    return [*section.options, *((name, names_of(child)) for name, child in section.sections.items())]


@given(CFGS, CFGS)
def test_merge_is_diraccfgs(high, low):
    """Where DIRAC can merge two CFGs at all, ours has the same options, sections and order."""
    merged = merge(parse_cfg(text_of(high), "high"), parse_cfg(text_of(low), "low"))
    one, two = diraccfg.CFG().loadFromBuffer(text_of(low)), diraccfg.CFG().loadFromBuffer(text_of(high))
    try:
        theirs = one.mergeWith(two)
    except KeyError:  # an option here and a section there
        return
    ours = parse_cfg(str(theirs), "theirs")
    assert {path: option.value for path, option in options_of(merged).items()} == {
        path: option.value for path, option in options_of(ours).items()
    }
    assert names_of(merged) == names_of(ours)


@given(CFGS, CFGS)
def test_every_option_is_the_highest_ones(high, low):
    """An option of the higher tree is always there, with its file; one of the lower exactly when nothing hides it."""
    upper, lower = parse_cfg(text_of(high), "high"), parse_cfg(text_of(low), "low")
    merged = options_of(merge(upper, lower))
    assert {path: option for path, option in merged.items() if option.file == "high"} == options_of(upper)
    for path, option in options_of(lower).items():
        hidden = upper.option(path) or upper.at(path)
        steps = path.split("/")[1:]
        hidden = hidden or any(upper.option("/".join(steps[:n])) for n in range(1, len(steps)))
        assert (path in merged and merged[path] == option) != bool(hidden)


@given(CFGS, CFGS, CFGS)
def test_merge_is_associative_without_clashes(one, two, three):
    """Merging pairwise from either end gives the same values (options only, sections only: no clash of kinds)."""
    a, b, c = (parse_cfg(text_of(cfg), name) for cfg, name in ((one, "1"), (two, "2"), (three, "3")))
    left, right = merge(merge(a, b), c), merge(a, merge(b, c))
    clash = any(x.sections.keys() & y.options.keys() for x in (a, b, c) for y in (a, b, c))
    if not clash:
        assert left.options == right.options


def test_section_keeps_the_highest_file():
    """A section is said to come from the file of highest precedence that names it."""
    merged = merge(parse_cfg("A\n{\n}\n", "high"), parse_cfg("A\n{\nx = 1\n}\nB\n{\n}\n", "low"))
    assert merged.at("/A").file == "high"
    assert merged.at("/B").file == "low"
    assert merged.option("/A/x").file == "low"
