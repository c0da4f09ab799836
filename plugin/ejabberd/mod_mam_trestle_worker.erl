%% SPDX-License-Identifier: GPL-3.0-or-later
%% A connection of mod_mam_trestle to PostgreSQL: one query at a time, in the order in which they are asked for. It opens
%% when it is needed, and is given up when it does not answer in time.
-module(mod_mam_trestle_worker).
-behaviour(gen_server).

-export([start_link/2, ask/4, stamp/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-define(ANSWER_MAX, 5000). % milliseconds; of a replayed batch 20 times that
-define(RETRY, 500).
-define(QUEUE_MAX, 2000).
-define(VERSION, <<"1">>).

%% Parameters are sent as binary data: each is a text first.
-define(STATEMENTS,
        #{version => "SELECT mam_version()::text",
          append => "SELECT mam_append($1::text, $2::text::uuid, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text::timestamptz,"
          " $9::text, $10::text)::text",
          append_many => "SELECT x::text FROM mam_append_many($1::text::jsonb) x",
          find => "SELECT uid::text, pos::text, floor(extract(epoch FROM stamp) * 1000000)::bigint::text, peer, nick, stanza, kind, sender"
          " FROM mam_find($1::text, $2::text, $3::text::timestamptz, $4::text::timestamptz, $5::text::uuid, $6::text::uuid, NULL,"
          " $7::text::int, $8::text::boolean)",
          count => "SELECT mam_count($1::text, $2::text, $3::text::timestamptz, $4::text::timestamptz)::text",
          is_empty => "SELECT mam_is_empty($1::text)::text",
          trim => "SELECT mam_trim($1::text, $2::text::timestamptz, NULL, $3::text::int)::text",
          remove => "SELECT mam_remove($1::text, $2::text)::text"}).

%% Microseconds since 1970 as PostgreSQL reads them.
stamp(Micros) ->
    list_to_binary(calendar:system_time_to_rfc3339(Micros, [{unit, microsecond}, {offset, "Z"}])).

%% ---- Asking -------------------------------------------------------------------------------------------

start_link(Name, Opts) ->
    gen_server:start_link({local, Name}, ?MODULE, Opts, []).

%% {ok, rows of binaries and null} or {error, Why}: timeout, away, full, or the SQLSTATE.
ask(Worker, Name, Parameters, Timeout) ->
    case whereis(Worker) of
        undefined ->
            {error, away};
        Pid ->
            case process_info(Pid, message_queue_len) of
                {message_queue_len, Length} when Length < ?QUEUE_MAX ->
                    try gen_server:call(Pid, {ask, Name, Parameters, erlang:monotonic_time(millisecond) + Timeout}, Timeout)
                    catch exit:{timeout, _} -> {error, timeout};
                          exit:_ -> {error, away}
                    end;
                _ -> {error, full}
            end
    end.

%% ---- The process --------------------------------------------------------------------------------------

init(Opts) ->
    process_flag(trap_exit, true),
    self() ! warm, % the first query of a connection is slow
    {ok, #{opts => Opts, db => undefined, tried => undefined}}.

handle_call({ask, Name, Parameters, Until}, _From, State) ->
    case erlang:monotonic_time(millisecond) > Until of
        true -> {reply, {error, timeout}, State}; % nobody waits any more
        false ->
            Opened = db_open(State),
            {Reply, Next} = db_ask(Opened, Name, Parameters),
            {reply, Reply, Next}
    end.

handle_cast(_, State) ->
    {noreply, State}.

handle_info(warm, State) ->
    {noreply, db_open(State)};
handle_info({'DOWN', _, process, Db, _}, #{db := Db} = State) ->
    {noreply, State#{db := undefined}};
handle_info(_, State) ->
    {noreply, State}.

terminate(_Reason, State) ->
    db_close(State).

db_close(#{db := undefined} = State) ->
    State;
db_close(#{db := Db} = State) ->
    exit(Db, kill),
    State#{db := undefined}.

%% Opens it, unless that was tried just now.
db_open(#{db := undefined, tried := Tried, opts := Opts} = State) ->
    Now = erlang:monotonic_time(millisecond),
    case Tried /= undefined andalso Now - Tried < ?RETRY of
        true -> State;
        false ->
            Get = fun(Name) -> gen_mod:get_opt(Name, Opts) end,
            Db = try pgsql:connect([{host, Get(host)}, {port, Get(port)}, {database, Get(database)}, {user, Get(username)},
                                    {password, Get(password)}, {as_binary, true}, {connect_timeout, 2000}]) of
                     {ok, Pid} -> db_prepare(Pid);
                     _ -> undefined
                 catch _:_ -> undefined
                 end,
            State#{db := Db, tried := erlang:monotonic_time(millisecond)}
    end;
db_open(State) ->
    State.

%% The connection, if what it is to be asked is there.
db_prepare(Db) ->
    erlang:monitor(process, Db),
    try
        maps:foreach(fun(Name, Text) -> {ok, _, _, _} = gen_server:call(Db, {prepare, {atom_to_binary(Name, utf8), Text}}, ?ANSWER_MAX) end,
                     ?STATEMENTS),
        {ok, [[?VERSION]]} = db_run(Db, version, []),
        Db
    catch
        _:_ ->
            exit(Db, kill),
            undefined
    end.

db_ask(#{db := undefined} = State, _Name, _Parameters) ->
    {{error, away}, State};
db_ask(#{db := Db} = State, Name, Parameters) ->
    try {db_run(Db, Name, Parameters), State}
    catch exit:_ -> {{error, away}, db_close(State)}
    end.

db_run(Db, Name, Parameters) ->
    Patience = case Name of append_many -> 20 * ?ANSWER_MAX; _ -> ?ANSWER_MAX end,
    case gen_server:call(Db, {execute, {atom_to_binary(Name, utf8), Parameters}}, Patience) of
        {ok, {_Command, Rows}} -> {ok, [[value(Column) || Column <- Row] || Row <- Rows]};
        {error, Error} -> {error, sqlstate(Error)}
    end.

value({_Type, Value}) -> value(Value);
value(Value) -> Value.

sqlstate(Error) when is_list(Error) ->
    case lists:keyfind(code, 1, Error) of
        {code, Code} -> iolist_to_binary([Code]);
        false -> Error
    end;
sqlstate(Error) ->
    Error.
