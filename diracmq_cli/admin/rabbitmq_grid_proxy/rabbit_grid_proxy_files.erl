%% What was read from files, kept until one of them changes: a CRL may have megabytes, and is asked for at every login.
-module(rabbit_grid_proxy_files).
-behaviour(gen_server).

-export([start_link/0, get/2, contents/1]).
-export([init/1, handle_call/3, handle_cast/2]).

-include_lib("kernel/include/file.hrl").

-define(RECHECK_MS, 1000).
-define(LOAD_MS, 60000).                                          % as long as a TLS handshake may take
-define(LARGEST, 67108864).

-record(entry, {key, value, seen, checked}).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% The value that Load makes of files, which it reads with contents/1. It is called again when one of them has come,
%% gone or changed, which is looked at once a second. A Load that fails leaves {error, Why}. Whoever asks meanwhile
%% waits: a herd reads a file once.
get(Key, Load) ->
    case ets:lookup(?MODULE, Key) of
        [#entry{value = Value, checked = Checked}] ->
            case erlang:monotonic_time(millisecond) - Checked < ?RECHECK_MS of
                true -> Value;
                false -> gen_server:call(?MODULE, {get, Key, Load}, ?LOAD_MS)
            end;
        [] -> gen_server:call(?MODULE, {get, Key, Load}, ?LOAD_MS)
    end.

%% A file's octets, or `none' where there is no such file. Its state is noted before it is read, so that a change in
%% between is seen.
contents(Path) ->
    put({seen, Path}, state(Path)),
    case file:read_file_info(Path, [raw]) of
        {ok, #file_info{type = regular, size = Size}} when Size =< ?LARGEST ->
            {ok, Octets} = file:read_file(Path),
            Octets;
        {ok, _} -> error({not_a_regular_file_of_at_most, ?LARGEST, Path});
        {error, enoent} -> none;
        {error, Why} -> error({Why, Path})
    end.

init([]) ->
    ?MODULE = ets:new(?MODULE, [named_table, protected, {keypos, #entry.key}, {read_concurrency, true}]),
    {ok, []}.

handle_call({get, Key, Load}, _From, State) ->
    Now = erlang:monotonic_time(millisecond),
    Entry = case ets:lookup(?MODULE, Key) of
                [#entry{checked = Checked} = Known] when Now - Checked < ?RECHECK_MS -> Known;
                [#entry{seen = Seen} = Known] ->
                    case lists:all(fun({{seen, Path}, Was}) -> state(Path) =:= Was end, Seen) of
                        true -> Known#entry{checked = Now};
                        false -> load(Key, Load, Now)
                    end;
                [] -> load(Key, Load, Now)
            end,
    ets:insert(?MODULE, Entry),
    {reply, Entry#entry.value, State}.

handle_cast(_, State) -> {noreply, State}.

%% In a process of its own, whose heap goes with it: a decoded CRL takes ten times the memory of its file.
load(Key, Load, Now) ->
    {Pid, Monitor} = spawn_monitor(fun() -> exit({loaded, reading(Load), [S || {{seen, _}, _} = S <- get()]}) end),
    receive
        {'DOWN', Monitor, process, Pid, {loaded, Value, Seen}} ->
            #entry{key = Key, value = Value, seen = Seen, checked = Now};
        {'DOWN', Monitor, process, Pid, Why} -> exit(Why)
    end.

reading(Load) -> try Load() catch _:Why -> {error, Why} end.

state(Path) ->
    case file:read_file_info(Path, [raw, {time, posix}]) of
        {ok, #file_info{size = Size, mtime = Time, inode = Inode}} -> {Size, Time, Inode};
        {error, Why} -> Why
    end.
