%% The application: one process, which owns the table of sessions.
-module(rabbit_grid_proxy_app).
-behaviour(application).
-behaviour(supervisor).

-export([start/2, stop/1, init/1]).

start(_, _) ->
    rabbit_grid_proxy_log:init(),
    supervisor:start_link({local, rabbit_grid_proxy_sup}, ?MODULE, []).

stop(_) -> ok.

init([]) ->
    {ok, {#{}, [#{id => sessions, start => {rabbit_grid_proxy_sessions, start_link, []}}]}}.
