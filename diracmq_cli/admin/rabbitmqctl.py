"""A broker reached through ``rabbitmqctl`` on its own host: for a broker without the management API.

Each call takes a second, so everything goes through ``eval_file`` in batches; what comes back is JSON in base64, the
one form that Erlang's pretty printer does not touch.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.admin.changes import Action, Change
from diracmq_cli.admin.control import CLOSE_REASON, Outcome
from diracmq_cli.admin.entries import LARGEST, Entries, Kind, document, read_entries
from diracmq_cli.admin.installation import Installation, search_path
from diracmq_cli.core.strictjson import parse_json
from diracmq_cli.errors import BrokerUnreachable, ProtocolError

if TYPE_CHECKING:
    from diracmq_cli.core.jsonvalues import Json

_BATCH = 100
"""Changes in one call, so that progress is seen and an interruption heard."""

_DEBIAN_HOME = Path("/var/lib/rabbitmq")
_QUOTED = re.compile(r'"([A-Za-z0-9+/=]*)"')
_ENCODED = "base64:encode(rabbit_json:encode({value}))."

# all_definitions leaves internal exchanges out (3.10 to 4.x), and so every NAME.tap.
_READ = """\
Exchanges = [begin
    Info = maps:from_list(rabbit_exchange:info(X, [type, durable, auto_delete, internal, arguments])),
    {resource, VHost, exchange, Name} = element(2, X),
    Info#{vhost => VHost, name => Name, arguments => rabbit_misc:amqp_table(maps:get(arguments, Info))}
end || X <- rabbit_exchange:list()],
Held = (rabbit_definitions:all_definitions())#{exchanges => Exchanges},
"""

_MAKE = """\
Who = <<"dirac-mq">>,
Remove = fun
    (<<"permission">>, [V, U]) -> rabbit_auth_backend_internal:clear_permissions(U, V, Who);
    (<<"topic permission">>, [V, U, X]) -> rabbit_auth_backend_internal:clear_topic_permissions(U, V, X, Who);
    (<<"user">>, [U]) -> rabbit_auth_backend_internal:delete_user(U, Who);
    (<<"limit">>, [U, Limit]) -> rabbit_auth_backend_internal:clear_user_limits(U, Limit, Who);
    (<<"policy">>, [V, Name]) -> rabbit_policy:delete(V, Name, Who);
    (<<"exchange">>, [V, Name]) -> rabbit_exchange:delete(rabbit_misc:r(V, exchange, Name), true, Who);
    (<<"binding">>, [V, From, Type, To, Key, Arguments]) ->
        Target = rabbit_misc:r(V, binary_to_existing_atom(Type, utf8), To),
        Source = rabbit_misc:r(V, exchange, From),
        Wanted = rabbit_json:decode(Arguments),
        % JSON has lost the types of the arguments, and the broker knows a binding by them too.
        Same = fun (Table) -> rabbit_json:decode(rabbit_json:encode(rabbit_misc:amqp_table(Table))) =:= Wanted end,
        [ok = rabbit_binding:remove(Binding, fun (_, _) -> ok end, Who)
            || Binding = {binding, _, K, _, Table} <- rabbit_binding:list_for_source_and_destination(Source, Target),
               K =:= Key, Same(Table)]
end,
Make = fun
    (#{<<"import">> := Document}) -> rabbit_definitions:import_parsed(Document);
    (#{<<"limit">> := [U, Limit, Value]}) ->
        rabbit_auth_backend_internal:set_user_limits(U, #{Limit => Value}, Who);
    (#{<<"remove">> := Kind, <<"identity">> := Identity}) -> Remove(Kind, Identity)
end,
Close = fun
    (#{<<"loser">> := User}) ->
        % A connection that does not take the word must not hold up all that follows.
        {Closing, Monitor} = spawn_monitor(rabbit_networking, close_all_user_connections, [User, Reason]),
        receive
            {'DOWN', Monitor, process, Closing, normal} -> ok;
            {'DOWN', Monitor, process, Closing, Why} -> {error, Why}
        after 20000 -> {error, timeout}
        end;
    (_) -> ok
end,
Said = fun (Term) -> unicode:characters_to_binary(io_lib:format("~tp", [Term])) end,
Try = fun (Action, Asked) -> try Action(Asked) catch _:Error -> {error, Error} end end,
Gone = fun
    (#{<<"remove">> := _}, {error, not_found}) -> ok;
    (#{<<"remove">> := _}, {error, {no_such_user, _}}) -> ok;
    (_, Answer) -> Answer
end,
One = fun (Asked) ->
    case Gone(Asked, Try(Make, Asked)) of
        {error, Error} -> Said(Error);
        {error_string, Text} -> unicode:characters_to_binary(Text);
        _ -> case Try(Close, Asked) of
            {error, Error} -> <<"done, but connections stay open: ", (Said(Error))/binary>>;
            _ -> null
        end
    end
end,
Said_of_all = [One(Asked) || Asked <- rabbit_json:decode(base64:decode(Changes))],
"""


class Rabbitmqctl:
    """Port ``Control``, by Erlang evaluated in the node.

    Args:
        installation: whose ``rabbitmqctl`` to use; Debian's wrapper in ``/usr/sbin`` is not.
        node: the node's name, such as ``rabbit@mq1``.
        timeout: seconds that any one answer may take.
    """

    def __init__(self, installation: Installation, node: str, *, timeout: float) -> None:
        self._control = installation.control
        self._node = node
        self._timeout = timeout

    def entries(self) -> Entries:
        """See ``Control.entries``."""
        return read_entries(self.evaluate(_READ, "Held"), f"what {self._node} says it holds")

    def make(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        """See ``Control.make``."""
        for start in range(0, len(changes), _BATCH):
            groups = list(_grouped(changes[start : start + _BATCH]))
            for group, problem in zip(groups, self._make(groups), strict=True):
                if problem is None or len(group) == 1:
                    yield from (Outcome(change, problem) for change in group)
                else:  # which of them it was is not said; what was done may be done again
                    alone = [[change] for change in group]
                    yield from map(Outcome, group, self._make(alone))

    def _make(self, groups: Sequence[Sequence[Change]]) -> list[str | None]:
        """Have the node make the changes, and hear of each group why it was not made."""
        asked = base64.b64encode(json.dumps([_asked(group) for group in groups]).encode()).decode()
        given = f'Changes = <<"{asked}">>, Reason = "{CLOSE_REASON}",\n'
        said = parse_json(self.evaluate(given + _MAKE, "Said_of_all"), "the node's answer", limit=LARGEST)
        if not isinstance(said, list) or len(said) != len(groups):
            raise ProtocolError(f"{self._node} does not say what became of {len(groups)} changes")
        return [None if problem is None else " ".join(str(problem).split())[:300] for problem in said]

    def close(self) -> None:
        """Nothing is held."""

    def evaluate(self, statements: str, value: str) -> str:
        """Evaluate Erlang in the node; the JSON text of ``value``.

        Raises:
            BrokerUnreachable: the node does not answer.
            ProtocolError: it does not evaluate.
        """
        with tempfile.NamedTemporaryFile("w", suffix=".erl") as file:  # 0600; a command line has a limit, and readers
            file.write(statements + _ENCODED.format(value=value))
            file.flush()
            command = [str(self._control), "--quiet", "--node", self._node, "eval_file", file.name]
            try:
                done = subprocess.run(
                    command,
                    capture_output=True,
                    text=True,
                    stdin=subprocess.DEVNULL,
                    env=_environment(),
                    timeout=self._timeout,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise BrokerUnreachable(f"{self._node} does not answer within {self._timeout:.0f} s") from None
        said = " ".join((done.stdout + done.stderr).split())
        if done.returncode:
            raise BrokerUnreachable(
                f"rabbitmqctl cannot ask {self._node}: {said[:300]}",
                hint="run it on the broker's host, as root or as the broker's user",
            )
        if not done.stdout.lstrip().startswith('<<"'):
            raise ProtocolError(f"{self._node} does not evaluate: {said[:300]}")
        return base64.b64decode("".join(_QUOTED.findall(done.stdout))).decode()


def _grouped(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """The changes, with those together that one import can make: each import takes 20 ms, however much it holds."""
    for (_, together), group in groupby(changes, lambda change: (change.entry.kind, _is_plain_import(change))):
        if together:
            yield list(group)
        else:
            yield from ([change] for change in group)


def _is_plain_import(change: Change) -> bool:
    return change.action is not Action.REMOVE and change.loser is None and change.entry.kind is not Kind.LIMIT


def _asked(group: Sequence[Change]) -> dict[str, Json]:
    """A group as the Erlang above takes it."""
    change, entry = group[0], group[0].entry
    asked: dict[str, Json]
    if change.action is Action.REMOVE:
        asked = {"remove": entry.kind, "identity": list(entry.identity)}
    elif entry.kind is Kind.LIMIT:
        asked = {"limit": [*entry.identity, entry.properties["value"]]}
    else:
        asked = {"import": document(change.entry for change in group)}
    return asked if change.loser is None else asked | {"loser": change.loser}


def _environment() -> dict[str, str]:
    """Ours, with Erlang to be found; root without a cookie of its own uses that of Debian's broker."""
    home = Path(os.environ.get("HOME") or "/")
    if not (home / ".erlang.cookie").exists() and os.access(_DEBIAN_HOME / ".erlang.cookie", os.R_OK):
        home = _DEBIAN_HOME
    return {**os.environ, "PATH": search_path(), "HOME": str(home), "LANG": "C.UTF-8"}
