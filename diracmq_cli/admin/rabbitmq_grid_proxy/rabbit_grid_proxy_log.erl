%% What the operator reads: each refusal with DN and reason, and at debug level each login.
-module(rabbit_grid_proxy_log).

-export([init/0, refused_to_start/0, refused/3, login/1, tick/0]).

-include("rabbit_grid_proxy.hrl").

%% A stranger can be refused as fast as he can connect; beyond this many in a tick refusals are only counted.
-define(LINES_PER_TICK, 100).
-define(META, #{domain => [rabbitmq, connection]}).

init() -> persistent_term:put(?MODULE, counters:new(1, [])).

refused_to_start() ->
    logger:error("grid proxy: rabbitmq_auth_mechanism_ssl offers EXTERNAL too, and would log clients in under the names "
                 "of their leaf certificates: disable it", ?META).

%% Subject: of the certificate that was refused; EndEntity: in whose path it stood, or undefined.
refused(Subject, EndEntity, Reason) ->
    Refusals = persistent_term:get(?MODULE),
    counters:add(Refusals, 1, 1),
    counters:get(Refusals, 1) =< ?LINES_PER_TICK andalso
        logger:warning("grid proxy: refused ~s~s: ~0tP", [Subject, in_path_of(EndEntity), Reason, 20], ?META).

in_path_of(undefined) -> "";
in_path_of(EndEntity) -> [" in the path of ", EndEntity].

login(#session{dn = Dn, kind = Kind, depth = Depth}) ->
    logger:debug("grid proxy: login of ~s by ~s, depth ~b", [Dn, Kind, Depth], ?META).

tick() ->
    Refusals = persistent_term:get(?MODULE),
    Count = counters:get(Refusals, 1),
    counters:sub(Refusals, 1, Count),
    Count > ?LINES_PER_TICK andalso
        logger:warning("grid proxy: ~b more refusals not shown", [Count - ?LINES_PER_TICK], ?META).
