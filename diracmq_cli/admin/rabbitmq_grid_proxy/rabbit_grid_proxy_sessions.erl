%% Who stands behind each leaf certificate that passed a handshake.
%%
%% After a handshake only the leaf is at hand, and its name proves nothing (/CN=Jane/CN=4242 may be a proxy of
%% Jane's, or somebody else's certificate). So what the path said is kept here under a hash of the whole leaf.
%% An entry is no login: it is made before the client has proved that it holds the key, and serves only a
%% connection whose handshake succeeded.
-module(rabbit_grid_proxy_sessions).
-behaviour(gen_server).

-export([start_link/0, remember/3, find/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(SWEEP_MS, 10000).

-record(session, {key, dn, until, seen}).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% Keep that the leaf Cert stands for Dn until Until (seconds since 1970). `conflict' if a path that still holds
%% gave this leaf to another name: then one of the two would log in as the other.
remember(Cert, Dn, Until) -> gen_server:call(?MODULE, {remember, key(Cert), Dn, Until}).

%% {Dn, Until} of a leaf certificate that passed a handshake, or `none'.
find(Cert) ->
    case ets:lookup(?MODULE, key(Cert)) of
        [#session{dn = Dn, until = Until}] -> {Dn, Until};
        [] -> none
    end.

key(Cert) -> crypto:hash(sha256, term_to_binary(Cert, [deterministic])).

init([]) ->
    ?MODULE = ets:new(?MODULE, [named_table, protected, {keypos, #session.key}, {read_concurrency, true}]),
    erlang:send_after(?SWEEP_MS, self(), sweep),
    {ok, erlang:monotonic_time()}.

handle_call({remember, Key, Dn, Until}, _From, State) ->
    Now = erlang:system_time(second),
    Reply = case ets:lookup(?MODULE, Key) of
                [#session{dn = Other, until = Still}] when Other =/= Dn, Still > Now -> conflict;
                [#session{dn = Dn, until = Still}] -> insert(Key, Dn, max(Still, Until));
                _ -> make_room(), insert(Key, Dn, Until)
            end,
    {reply, Reply, State}.

handle_cast(_, State) -> {noreply, State}.

handle_info(sweep, State) ->
    sweep(),
    rabbit_grid_proxy_log:tick(),
    erlang:send_after(?SWEEP_MS, self(), sweep),
    {noreply, State};
handle_info(_, State) -> {noreply, State}.

insert(Key, Dn, Until) ->
    true = ets:insert(?MODULE, #session{key = Key, dn = Dn, until = Until, seen = erlang:unique_integer([monotonic])}),
    ok.

sweep() ->
    Now = erlang:system_time(second),
    ets:select_delete(?MODULE, [{#session{until = '$1', _ = '_'}, [{'=<', '$1', Now}], [true]}]).

%% A full table loses what has expired and then the tenth that was verified longest ago. Not what expires first:
%% that could be the proxy which is logging in right now, while an old entry serves only TLS 1.2 resumption.
make_room() ->
    Max = application:get_env(rabbitmq_grid_proxy, max_sessions, 20000),
    case ets:info(?MODULE, size) >= Max of
        true -> sweep(), drop(ets:info(?MODULE, size) - Max + 1 + Max div 10);
        false -> ok
    end.

drop(N) when N =< 0 -> ok;
drop(N) ->
    Oldest = lists:sort(ets:select(?MODULE, [{#session{key = '$1', seen = '$2', _ = '_'}, [], [{{'$2', '$1'}}]}])),
    [ets:delete(?MODULE, Key) || {_, Key} <- lists:sublist(Oldest, N)],
    ok.
