%% SPDX-License-Identifier: GPL-3.0-or-later
%% The archives of ejabberd's own mod_mam, kept in Trestle's PostgreSQL (decision 0072). For ejabberd 23.01.
%%
%%   mod_mam: {db_type: trestle, default: always}
%%   mod_mam_trestle: {host: 127.0.0.1, database: trestle, username: mam_example, password: "..."}
%%
%% Further options: port (5432), pool, connections (4), timeout, milliseconds until PostgreSQL counts as away (1000),
%% spool_max, bytes (256 MiB). Preferences stay in Mnesia: with PostgreSQL away the server still knows whom to archive.
%%
%% mod_mam wants an integer as the id of a message, before it is stored: mod_trestle_uid says which, here also without
%% mod_trestle.
-module(mod_mam_trestle).
-behaviour(gen_mod).
-behaviour(mod_mam).
-behaviour(supervisor).

-export([start/2, stop/1, reload/3, depends/2, mod_options/1, mod_opt_type/1, mod_doc/0, start_link/2]).
-export([init/1, init/2, remove_user/2, remove_room/3, remove_from_archive/3, delete_old_messages/3,
         delete_old_messages_batch/4, extended_fields/0, store/8, write_prefs/4, get_prefs/2, select/7,
         is_empty_for_user/2, is_empty_for_room/3]).

-include_lib("p1_xmpp/include/xmpp.hrl").
-include_lib("ejabberd/include/logger.hrl").
-include_lib("ejabberd/include/mod_mam.hrl").
-include_lib("ejabberd/include/translate.hrl").

-define(TRIM_BATCH, 1000).
-define(READ_TIMEOUT, 2000).

%% ---- The module, its connections and its spool ------------------------------------------------------

start(Host, Opts) ->
    Name = gen_mod:get_module_proc(Host, ?MODULE),
    Started = supervisor:start_child(ejabberd_gen_mod_sup, #{id => Name, start => {?MODULE, start_link, [Host, Opts]},
                                                             type => supervisor, shutdown => infinity}),
    mod_trestle_uid:start(Host),
    Started.

stop(Host) ->
    gen_mod:is_loaded(Host, mod_trestle) orelse mod_trestle_uid:stop(Host),
    gen_mod:stop_child(gen_mod:get_module_proc(Host, ?MODULE)).

reload(Host, New, _Old) ->
    stop(Host),
    start(Host, New).

start_link(Host, Opts) ->
    supervisor:start_link({local, gen_mod:get_module_proc(Host, ?MODULE)}, ?MODULE, [Host, Opts]).

%% Of the supervisor.
init([Host, Opts]) ->
    Workers = mod_mam_trestle_spool:prepare(Host, gen_mod:get_opt(pool, Opts), gen_mod:get_opt(timeout, Opts)),
    Pool = [#{id => Worker, start => {mod_mam_trestle_worker, start_link, [Worker, Host, Opts]}} || Worker <- Workers],
    {ok, {#{strategy => one_for_one, intensity => 100, period => 10},
          [#{id => spool, start => {mod_mam_trestle_spool, start_link, [Host, Opts]}} | Pool]}}.

depends(_Host, _Opts) ->
    [].

mod_opt_type(host) -> econf:string();
mod_opt_type(port) -> econf:port();
mod_opt_type(database) -> econf:string();
mod_opt_type(username) -> econf:string();
mod_opt_type(password) -> econf:string();
mod_opt_type(pool) -> econf:pos_int();
mod_opt_type(timeout) -> econf:pos_int();
mod_opt_type(spool_max) -> econf:pos_int().

mod_options(_Host) ->
    [{host, "127.0.0.1"}, {port, 5432}, {database, "trestle"}, {username, "trestle_mam"}, {password, ""}, {pool, 4},
     {timeout, 1000}, {spool_max, 268435456}].

mod_doc() ->
    #{desc => ?T("Keeps the archives of mod_mam in the PostgreSQL of a Trestle bridge.")}.

%% ---- Adding -------------------------------------------------------------------------------------------

%% Of the backend.
init(Host, Opts) ->
    mod_mam_mnesia:init(Host, Opts).

%% The result is not looked at: what PostgreSQL does not take goes to the spool.
store(#xmlel{attrs = Attrs} = El, Host, US, Type, Peer, Nick, Direction, Id) ->
    Owner = owner(US),
    PeerText = jid:encode(jid:remove_resource(jid:tolower(Peer))),
    Sender = case fxml:get_attr_s(<<"from">>, Attrs) of
                 <<>> when Direction == send, Type == chat -> Owner;
                 <<>> -> jid:encode(Peer);
                 From -> From
             end,
    Stanza = fxml:element_to_binary(El#xmlel{attrs = lists:keystore(<<"xmlns">>, 1, Attrs, {<<"xmlns">>, ?NS_CLIENT})}),
    mod_mam_trestle_spool:append(
      Host, #{owner => Owner, uid => mod_trestle_uid:from_integer(Id),
              direction => case Direction of send when Type == chat -> <<"out">>; _ -> <<"in">> end,
              peer => PeerText, sender => case Type of chat -> Sender; groupchat -> jid:encode(Peer) end,
              origin => origin(El), stanza => Stanza, stamp => mod_mam_trestle_worker:stamp(erlang:system_time(microsecond)),
              kind => misc:atom_to_binary(Type), nick => Nick}).

owner({User, Server}) ->
    jid:encode({User, Server, <<>>}).

origin(El) ->
    case fxml:get_subtag_with_xmlns(El, <<"origin-id">>, ?NS_SID_0) of
        #xmlel{} = Origin -> fxml:get_tag_attr_s(<<"id">>, Origin);
        false -> case fxml:get_tag_attr_s(<<"id">>, El) of <<>> -> null; Id -> Id end
    end.

write_prefs(User, Server, Prefs, Host) ->
    mod_mam_mnesia:write_prefs(User, Server, Prefs, Host).

get_prefs(User, Server) ->
    mod_mam_mnesia:get_prefs(User, Server).

%% ---- Reading ------------------------------------------------------------------------------------------

extended_fields() ->
    [].

select(Host, Requestor, Archive, Query, Rsm, Type, Flags) ->
    Owner = owner({Archive#jid.luser, Archive#jid.lserver}),
    Max = case Rsm of #rsm_set{max = N} when is_integer(N) -> N; _ -> 50 end,
    try
        {Rows, Complete} = case Flags == only_count orelse Max =< 0 of
                               true -> {[], Max > 0};
                               false -> page(Host, Owner, Query, Rsm, Max)
                           end,
        Count = case Flags == only_count orelse (Flags == all andalso Max =< 0) of
                    true -> count(Host, Owner, Query);
                    false -> undefined
                end,
        {lists:flatmap(fun(Row) -> result(Row, Type, Requestor, Archive) end, Rows), Complete, Count}
    catch
        throw:{away, Why} ->
            ?WARNING_MSG("The archive of ~ts cannot be read: ~p", [Owner, Why]),
            {error, db_failure}
    end.

page(Host, Owner, Query, Rsm, Max) ->
    {Before, After} = case Rsm of #rsm_set{before = B, 'after' = A} -> {B, A}; _ -> {undefined, undefined} end,
    Newest = is_binary(Before),
    Rows = read(Host, Owner, find, [Owner | bounds(Query)] ++ [cursor(After), cursor(Before), integer_to_binary(Max + 1),
                                                              atom_to_binary(Newest, utf8)]),
    {lists:sublist(Rows, Max), length(Rows) =< Max}.

count(Host, Owner, Query) ->
    [[Count]] = read(Host, Owner, count, [Owner | bounds(Query)]),
    binary_to_integer(Count).

read(Host, Owner, Name, Parameters) ->
    case mod_mam_trestle_spool:ask(Host, Owner, Name, Parameters, ?READ_TIMEOUT) of
        {ok, Rows} -> Rows;
        {error, Why} -> throw({away, Why})
    end.

%% Stamps are shown to the microsecond, but clients also name whole seconds that they saw.
bounds(Query) ->
    With = case proplists:get_value(with, Query) of
               #jid{} = Jid -> jid:encode(jid:remove_resource(jid:tolower(Jid)));
               _ -> null
           end,
    [With, time(proplists:get_value(start, Query)), time(proplists:get_value('end', Query))].

time({_, _, _} = Time) -> mod_mam_trestle_worker:stamp(misc:now_to_usec(Time));
time(_) -> null.

%% An id that is none is not in the archive.
cursor(undefined) -> null;
cursor(<<>>) -> null;
cursor(Text) ->
    try mod_trestle_uid:from_integer(binary_to_integer(Text))
    catch error:_ -> throw({away, unknown_cursor})
    end.

result([Uid, Place, Micros, Peer, Nick, Stanza, Kind, Sender], Type, Requestor, Archive) ->
    Id = integer_to_binary(mod_trestle_uid:to_integer(Uid)),
    Said = jid:tolower(jid:decode(case Kind of <<"groupchat">> -> Sender; _ -> Peer end)),
    case fxml_stream:parse_element(Stanza) of
        #xmlel{} = El ->
            Message = #archive_msg{id = Id, timestamp = misc:usec_to_now(binary_to_integer(Micros)), peer = Said,
                                   bare_peer = jid:remove_resource(Said), packet = El,
                                   nick = case Nick of null -> <<>>; _ -> Nick end, type = misc:binary_to_atom(Kind)},
            case mod_mam:msg_to_el(Message, Type, Requestor, Archive) of
                {ok, Forwarded} -> [{Id, binary_to_integer(Place), Forwarded}];
                {error, _} -> []
            end;
        Error ->
            ?ERROR_MSG("The stanza ~ts of the archive cannot be read and is left out: ~p", [Uid, Error]),
            []
    end.

is_empty_for_user(User, Server) ->
    is_empty(Server, owner({User, Server})).

is_empty_for_room(Host, Name, RoomHost) ->
    is_empty(Host, owner({Name, RoomHost})).

%% Not empty forbids to make a room.
is_empty(Host, Owner) ->
    case mod_mam_trestle_spool:ask(Host, Owner, is_empty, [Owner], ?READ_TIMEOUT) of
        {ok, [[<<"false">>]]} -> false;
        _ -> true
    end.

%% ---- Removing -----------------------------------------------------------------------------------------

remove_user(User, Server) ->
    mod_mam_mnesia:remove_user(User, Server),
    mod_mam_trestle_spool:remove(Server, owner({User, Server})).

remove_room(Host, Name, RoomHost) ->
    mod_mam_trestle_spool:remove(Host, owner({Name, RoomHost})).

remove_from_archive(User, Server, Peer) when Peer == none; is_record(Peer, jid) ->
    Owner = owner({User, Server}),
    Whose = case Peer of none -> null; _ -> jid:encode(jid:remove_resource(jid:tolower(Peer))) end,
    case mod_mam_trestle_spool:ask(Server, Owner, remove, [Owner, Whose], ?READ_TIMEOUT) of
        {ok, _} -> ok;
        Error -> Error
    end;
remove_from_archive(_User, _Server, _StanzaId) ->
    {error, not_supported}.

delete_old_messages(global, Time, Type) ->
    lists:foreach(fun(Host) -> delete_old_messages(Host, Time, Type) end,
                  [Host || Host <- ejabberd_option:hosts(), gen_mod:is_loaded(Host, ?MODULE)]);
delete_old_messages(Host, Time, Type) ->
    case delete_old_messages_batch(Host, Time, Type, ?TRIM_BATCH) of
        {ok, 0} -> ok;
        {ok, _} -> delete_old_messages(Host, Time, Type);
        Error -> Error
    end.

delete_old_messages_batch(Host, Time, all, Batch) ->
    case mod_mam_trestle_spool:ask(Host, Host, trim, [null, time(Time), integer_to_binary(Batch)], ?READ_TIMEOUT * 5) of
        {ok, [[Count]]} -> {ok, binary_to_integer(Count)};
        Error -> Error
    end;
delete_old_messages_batch(_Host, _Time, _Type, _Batch) ->
    {error, not_supported}. % they are in one order with the others
