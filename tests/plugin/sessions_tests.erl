%% EUnit: what the plugin keeps in memory, what it writes into the log, and what ends a connection.
-module(sessions_tests).

-include("rabbit_grid_proxy.hrl").

-export([table_test_/0, a_flood_of_refusals_is_counted_test/0, an_unknown_option_lets_nobody_in_test/0,
         a_reader_that_cannot_be_closed_is_killed_test_/0, a_watchdog_ends_with_its_connection_test/0]).
-export([log/2]).

%% As in eunit.hrl, which Debian ships only in erlang-dev.
-define(assertEqual(Expected, Value),
        (fun(E, E) -> ok; (E, V) -> error({?LINE, expected, E, got, V}) end)(Expected, Value)).
-define(assertMatch(Pattern, Value),
        (fun(Pattern) -> ok; (V) -> error({?LINE, no_match, V}) end)(Value)).
-define(assertError(Pattern, Expression),
        (fun() -> try Expression of V -> error({?LINE, no_error, V}) catch error:Pattern -> ok end end)()).

-define(TABLE, rabbit_grid_proxy_sessions).

now_s() -> erlang:system_time(second).

session(Dn, Until) -> #session{dn = Dn, kind = proxy, depth = 1, until = Until}.

remember(Leaf, Dn, Until) -> rabbit_grid_proxy_sessions:remember(Leaf, session(Dn, Until)).

table_test_() ->
    {foreach,
     fun() ->
             application:set_env(rabbitmq_grid_proxy, max_sessions, 100),
             rabbit_grid_proxy_log:init(),
             {ok, Pid} = rabbit_grid_proxy_sessions:start_link(),
             Pid
     end,
     fun(Pid) -> gen_server:stop(Pid) end,
     [fun finds_what_it_was_told/0,
      fun a_leaf_keeps_its_name_while_it_lives/0,
      fun a_leaf_is_free_when_its_path_has_ended/0,
      fun the_longest_path_counts/0,
      fun never_grows_beyond_its_bound/0,
      fun the_latest_login_is_never_dropped/0,
      fun what_has_expired_goes_first/0,
      fun nobody_else_can_write/0]}.

finds_what_it_was_told() ->
    ok = remember(leaf, <<"/CN=Jane">>, now_s() + 60),
    ?assertMatch(#session{dn = <<"/CN=Jane">>}, rabbit_grid_proxy_sessions:find(leaf)),
    ?assertEqual(none, rabbit_grid_proxy_sessions:find(other)).

a_leaf_keeps_its_name_while_it_lives() ->
    ok = remember(leaf, <<"/CN=Jane">>, now_s() + 60),
    ?assertEqual(conflict, remember(leaf, <<"/CN=Mallory">>, now_s() + 600)),
    ?assertMatch(#session{dn = <<"/CN=Jane">>}, rabbit_grid_proxy_sessions:find(leaf)).

a_leaf_is_free_when_its_path_has_ended() ->
    ok = remember(leaf, <<"/CN=Jane">>, now_s() - 1),
    ?assertEqual(ok, remember(leaf, <<"/CN=Jane Doe">>, now_s() + 60)),
    ?assertMatch(#session{dn = <<"/CN=Jane Doe">>}, rabbit_grid_proxy_sessions:find(leaf)).

the_longest_path_counts() ->
    Later = now_s() + 600,
    ok = remember(leaf, <<"/CN=Jane">>, Later),
    ok = remember(leaf, <<"/CN=Jane">>, now_s() + 60),
    #session{until = Until} = rabbit_grid_proxy_sessions:find(leaf),
    ?assertEqual(Later, Until).

never_grows_beyond_its_bound() ->
    Sizes = [begin ok = remember(N, <<"/CN=Jane">>, now_s() + 60), ets:info(?TABLE, size) end
             || N <- lists:seq(1, 1000)],
    ?assertEqual(100, lists:max(Sizes)).

%% Even where everybody else's proxy ends later.
the_latest_login_is_never_dropped() ->
    [ok = remember(N, <<"/CN=Jane">>, now_s() + 86400) || N <- lists:seq(1, 99)],
    [begin
         ok = remember({short, N}, <<"/CN=Joe">>, now_s() + 60),
         ok = remember({next, N}, <<"/CN=Jane">>, now_s() + 86400),
         ?assertMatch(#session{}, rabbit_grid_proxy_sessions:find({short, N}))
     end || N <- lists:seq(1, 500)].

what_has_expired_goes_first() ->
    [ok = remember({old, N}, <<"/CN=Jane">>, now_s() - 1) || N <- lists:seq(1, 50)],
    [ok = remember(N, <<"/CN=Jane">>, now_s() + 60) || N <- lists:seq(1, 51)],
    ?assertEqual(51, ets:info(?TABLE, size)),
    ?assertMatch(#session{}, rabbit_grid_proxy_sessions:find(1)).

nobody_else_can_write() ->
    ?assertError(badarg, ets:insert(?TABLE, {entry, <<"leaf">>, session(<<"/CN=Mallory">>, 0), 0, 0})).

%% ---- the log --------------------------------------------------------------------------------------------------

log(#{msg := {Format, Arguments}}, #{config := Test}) -> Test ! {line, lists:flatten(io_lib:format(Format, Arguments))}.

lines() -> receive {line, Line} -> [Line | lines()] after 0 -> [] end.

a_flood_of_refusals_is_counted_test() ->
    ok = logger:add_handler(flood, ?MODULE, #{config => self()}),
    try
        rabbit_grid_proxy_log:init(),
        [rabbit_grid_proxy_log:refused(<<"/CN=M">>, undefined, unknown_ca) || _ <- lists:seq(1, 5000)],
        Lines = lines(),
        ?assertEqual(100, length(Lines)),
        ?assertEqual("grid proxy: refused /CN=M: unknown_ca", hd(Lines)),
        rabbit_grid_proxy_log:tick(),
        ?assertEqual(["grid proxy: 4900 more refusals not shown"], lines()),
        rabbit_grid_proxy_log:tick(),
        rabbit_grid_proxy_log:refused(<<"/CN=P">>, <<"/CN=M">>, {malformed, badarg}),
        ?assertEqual(["grid proxy: refused /CN=P in the path of /CN=M: {malformed,badarg}"], lines())
    after
        logger:remove_handler(flood)
    end.

%% ---- options ----------------------------------------------------------------------------------------------------

an_unknown_option_lets_nobody_in_test() ->
    [?assertError({bad_option, _}, rabbit_grid_proxy:verify(cert, valid, [Option]))
     || Option <- [{max_proxies, -1}, {max_proxies, many}, {limited, perhaps}, {limit, reject}, limited]].

%% ---- the end of a connection ------------------------------------------------------------------------------------

a_reader_that_cannot_be_closed_is_killed_test_() ->
    {timeout, 30,
     fun() ->
             Reader = spawn(fun() -> receive never -> ok end end),
             Monitor = erlang:monitor(process, Reader),
             rabbit_grid_proxy_watchdog:watch(Reader, now_s() - 1),
             receive {'DOWN', Monitor, _, _, Reason} -> ?assertEqual(killed, Reason)
             after 25000 -> error(still_there)
             end
     end}.

a_watchdog_ends_with_its_connection_test() ->
    Reader = spawn(fun() -> receive stop -> ok end end),
    Watchdog = rabbit_grid_proxy_watchdog:watch(Reader, now_s() + 3600),
    Monitor = erlang:monitor(process, Watchdog),
    Reader ! stop,
    receive {'DOWN', Monitor, _, _, Reason} -> ?assertEqual(normal, Reason)
    after 1000 -> error(still_there)
    end.
