%% What the operator reads: each refusal with DN and reason, each login at debug level.
-module(rabbit_grid_proxy_log).

-export([init/0, refused/3, login/3, tick/0]).

%% A stranger can make refusals as fast as he can connect; beyond this many in a tick they are only counted.
-define(LINES_PER_TICK, 100).
-define(META, #{domain => [rabbitmq, connection]}).

init() -> persistent_term:put(?MODULE, counters:new(1, [])).

%% Subject: of the certificate that was refused; EndEntity: whose path it was in, or undefined.
refused(Subject, EndEntity, Reason) ->
    Counter = persistent_term:get(?MODULE),
    counters:add(Counter, 1, 1),
    case counters:get(Counter, 1) =< ?LINES_PER_TICK of
        true -> logger:warning("grid proxy: refused ~ts~ts: ~0tp", [Subject, below(EndEntity), Reason], ?META);
        false -> ok
    end.

below(undefined) -> "";
below(EndEntity) -> [" below ", EndEntity].

login(Dn, Kind, Depth) ->
    logger:debug("grid proxy: verified ~ts (~s, ~b proxies)", [Dn, Kind, Depth], ?META).

tick() ->
    Counter = persistent_term:get(?MODULE),
    Count = counters:get(Counter, 1),
    counters:sub(Counter, 1, Count),
    Count > ?LINES_PER_TICK andalso
        logger:warning("grid proxy: ~b more refusals not shown", [Count - ?LINES_PER_TICK], ?META).
