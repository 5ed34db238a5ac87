%% The application: two processes, which own the tables of sessions and of what was read from files.
-module(rabbit_grid_proxy_app).
-behaviour(application).
-behaviour(supervisor).

-export([start/2, stop/1, init/1]).

%% Two plugins that offer EXTERNAL would take the place of one another, and the stock one takes the name from the leaf.
start(_, _) ->
    case lists:keymember(rabbitmq_auth_mechanism_ssl, 1, application:loaded_applications()) of
        true ->
            rabbit_grid_proxy_log:refused_to_start(),
            {error, rabbitmq_auth_mechanism_ssl_is_enabled_too};
        false ->
            rabbit_grid_proxy_log:init(),
            supervisor:start_link({local, rabbit_grid_proxy_sup}, ?MODULE, [])
    end.

stop(_) -> ok.

init([]) ->
    {ok, {#{}, [#{id => Name, start => {Name, start_link, []}}
                || Name <- [rabbit_grid_proxy_sessions, rabbit_grid_proxy_files]]}}.
