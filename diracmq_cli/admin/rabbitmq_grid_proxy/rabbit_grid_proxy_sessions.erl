%% Who stands behind each leaf certificate that passed a handshake.
%%
%% After a handshake only the leaf is at hand, and its name proves nothing (/CN=Jane/CN=4242 may be a proxy of
%% Jane's, or somebody else's certificate). So what the path said is kept here, under a hash of the whole leaf.
%% An entry is no login: it is made before the client has proved that it holds the key, and serves only a
%% connection whose handshake succeeded.
-module(rabbit_grid_proxy_sessions).
-behaviour(gen_server).

-export([start_link/0, remember/2, find/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-include("rabbit_grid_proxy.hrl").

-define(SWEEP_MS, 10000).

-record(entry, {leaf, session, until, age}).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% Keep what the path to this leaf said. `conflict' if a path that still holds gave the leaf to another name: one of
%% the two could log in as the other. The caller is the handshake, which fails if this process is not there.
remember(Cert, #session{} = Session) -> gen_server:call(?MODULE, {remember, key(Cert), Session}).

%% The #session{} of a leaf certificate that passed a handshake, or `none'.
find(Cert) ->
    case ets:lookup(?MODULE, key(Cert)) of
        [#entry{session = Session}] -> Session;
        [] -> none
    end.

key(Cert) -> crypto:hash(sha256, term_to_binary(Cert, [deterministic])).

init([]) ->
    ?MODULE = ets:new(?MODULE, [named_table, protected, {keypos, #entry.leaf}, {read_concurrency, true}]),
    erlang:send_after(?SWEEP_MS, self(), sweep),
    {ok, []}.

handle_call({remember, Leaf, #session{dn = Dn, until = Until} = Session}, _From, State) ->
    Now = erlang:system_time(second),
    Reply = case ets:lookup(?MODULE, Leaf) of
                [] -> make_room(), insert(Leaf, Session);
                [#entry{until = Ended}] when Ended < Now -> insert(Leaf, Session);
                [#entry{session = #session{dn = Dn}, until = Known}] ->
                    insert(Leaf, Session#session{until = max(Known, Until)});
                [_] -> conflict
            end,
    {reply, Reply, State}.

handle_cast(_, State) -> {noreply, State}.

handle_info(sweep, State) ->
    sweep(),
    rabbit_grid_proxy_log:tick(),
    erlang:send_after(?SWEEP_MS, self(), sweep),
    {noreply, State};
handle_info(_, State) -> {noreply, State}.

insert(Leaf, #session{until = Until} = Session) ->
    Age = erlang:unique_integer([monotonic]),
    ets:insert(?MODULE, #entry{leaf = Leaf, session = Session, until = Until, age = Age}),
    ok.

sweep() ->
    Now = erlang:system_time(second),
    ets:select_delete(?MODULE, [{#entry{until = '$1', _ = '_'}, [{'<', '$1', Now}], [true]}]).

%% A full table loses what has expired, and then the tenth that was verified longest ago. Not what expires first:
%% that could be the proxy which is logging in right now, while an old entry serves only TLS 1.2 resumption.
make_room() ->
    {ok, Max} = application:get_env(rabbitmq_grid_proxy, max_sessions),
    case ets:info(?MODULE, size) < Max of
        true -> ok;
        false -> sweep(), drop(ets:info(?MODULE, size) - Max + max(1, Max div 10))
    end.

drop(N) when N =< 0 -> ok;
drop(N) ->
    ByAge = lists:sort(ets:select(?MODULE, [{#entry{leaf = '$1', age = '$2', _ = '_'}, [], [{{'$2', '$1'}}]}])),
    [ets:delete(?MODULE, Leaf) || {_, Leaf} <- lists:sublist(ByAge, N)].
