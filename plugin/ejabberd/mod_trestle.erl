%% SPDX-License-Identifier: GPL-3.0-or-later
%% Lets one component be a client of this host's accounts, without their passwords: docs/bound-sessions.md is the protocol.
%% For ejabberd 23.01. Options:
%%   component     the component's domain
%%   users         the access rule of those whom it may bind (none)
%%   max_sessions  how many at a time, in each node (10000)
%%   stanza_limit  bytes of a stanza that it injects (262144)
-module(mod_trestle).
-behaviour(gen_mod).
-behaviour(supervisor).

-export([start/2, stop/1, reload/3, depends/2, mod_options/1, mod_opt_type/1, mod_doc/0]).
-export([start_link/1, init/1]).
-export([decode_iq_subel/1, process_iq/1, process_message/1, offline_message/1, remove_user/2,
         config_reloaded/0, archive_changed/1]).

-include_lib("p1_xmpp/include/xmpp.hrl").
-include_lib("ejabberd/include/logger.hrl").
-include_lib("ejabberd/include/translate.hrl").

-define(NS_TRESTLE, <<"urn:trestle:bind:0">>).
-define(VERSION, 1).
-define(LOGINS_MAX, 64). % passwords that are being tried

%% ---- The module and its supervisor, which owns the table: {{LUser, LResource}, Pid, Link, Waiting}

start(Host, _Opts) ->
    Name = gen_mod:get_module_proc(Host, ?MODULE),
    Started = supervisor:start_child(ejabberd_gen_mod_sup, #{id => Name, start => {?MODULE, start_link, [Host]},
                                                             type => supervisor, shutdown => infinity}),
    mod_trestle_uid:set_components(components(none)),
    mod_trestle_uid:start(Host),
    hooks(add, Host),
    gen_iq_handler:add_iq_handler(ejabberd_local, Host, ?NS_TRESTLE, ?MODULE, process_iq),
    announce(Host),
    Started.

stop(Host) ->
    gen_iq_handler:remove_iq_handler(ejabberd_local, Host, ?NS_TRESTLE),
    gen_mod:stop_child(gen_mod:get_module_proc(Host, ?MODULE)),
    hooks(delete, Host),
    mod_trestle_uid:stop(Host),
    mod_trestle_uid:set_components(components(Host)).

hooks(Change, Host) ->
    ejabberd_hooks:Change(c2s_filter_send, Host, mod_trestle_session, filter_send, 1),
    ejabberd_hooks:Change(local_send_to_resource_hook, Host, ?MODULE, process_message, 10),
    ejabberd_hooks:Change(offline_message_hook, Host, ?MODULE, offline_message, 51),
    ejabberd_hooks:Change(remove_user, Host, ?MODULE, remove_user, 50),
    Elsewhere = Change == delete andalso gen_mod:is_loaded_elsewhere(Host, ?MODULE),
    Elsewhere orelse ejabberd_hooks:Change(config_reloaded, ?MODULE, config_reloaded, 60).

%% Another component is another bridge.
reload(Host, New, Old) ->
    mod_trestle_uid:set_components(components(none)),
    case gen_mod:get_opt(component, New) == gen_mod:get_opt(component, Old) of
        true -> ok;
        false ->
            [mod_trestle_session:close(Pid, <<"shutdown">>) || {_Key, Pid, _, _} <- sessions(Host)],
            announce(Host)
    end.

%% The access rule may leave accounts out that it had; it is not among the module's own options.
config_reloaded() ->
    [mod_trestle_session:close(Pid, <<"disabled">>) || Host <- hosts(), {{User, _}, Pid, _, _} <- sessions(Host),
                                                       not is_allowed(User, Host)],
    ok.

start_link(Host) ->
    supervisor:start_link({local, table(Host)}, ?MODULE, [Host]).

init([Host]) ->
    Table = ets:new(table(Host), [named_table, public, {read_concurrency, true}]),
    ets:insert(Table, [{epoch, p1_rand:get_string()}, {logins, 0}]),
    {ok, {#{strategy => simple_one_for_one},
          [#{id => session, start => {mod_trestle_session, start_link, []}, restart => temporary, shutdown => 5000}]}}.

depends(_Host, _Opts) -> [].

mod_opt_type(component) -> econf:domain();
mod_opt_type(users) -> econf:acl();
mod_opt_type(max_sessions) -> econf:pos_int();
mod_opt_type(stanza_limit) -> econf:pos_int().

mod_options(_Host) -> [component, {users, none}, {max_sessions, 10000}, {stanza_limit, 262144}].

mod_doc() -> #{desc => ?T("Lets a Trestle bridge be a client of the host's accounts.")}.

option(Host, Name) -> gen_mod:get_module_opt(Host, ?MODULE, Name).

%% The name of the supervisor and of its table.
table(Host) -> gen_mod:get_module_proc(Host, ?MODULE).

sessions(Host) -> ets:match_object(table(Host), {{'_', '_'}, '_', '_', '_'}).

session(Host, User, Resource) ->
    case ets:lookup(table(Host), {User, Resource}) of
        [{_Key, Pid, _, _} = Session] ->
            case is_process_alive(Pid) of
                true -> Session;
                false -> % killed, with no time to say so
                    ets:delete_object(table(Host), Session),
                    none
            end;
        [] -> none
    end.

count(Host) -> ets:info(table(Host), size) - 2.

hosts() -> [Host || Host <- ejabberd_option:hosts(), gen_mod:is_loaded(Host, ?MODULE)].

components(Leaving) ->
    lists:foldl(fun(Host, Found) ->
                        maps:update_with(option(Host, component), fun(Hosts) -> [Host | Hosts] end, [Host], Found)
                end, #{}, hosts() -- [Leaving]).

%% ---- Who may do what

%% The link that this came over, if it is from the host's component itself; none from anybody else.
link_of(Packet, Host) ->
    Component = option(Host, component),
    case {xmpp:get_meta(Packet, trestle_link, none), xmpp:get_from(Packet)} of
        {{Link, Component}, #jid{luser = <<>>, lserver = Component, lresource = <<>>}} -> Link;
        _ -> none
    end.

is_allowed(User, Host) ->
    acl:match_rule(Host, option(Host, users), jid:make(User, Host)) == allow.

%% ---- Requests. The answer goes to the link that asked: with several, the router would choose one.

%% Only we know these elements.
decode_iq_subel(El) -> El.

process_iq(#iq{to = #jid{lserver = Host}, lang = Lang, sub_els = [El]} = IQ) ->
    case link_of(IQ, Host) of
        none -> xmpp:make_error(IQ, xmpp:err_forbidden(?T("Only the component may ask"), Lang));
        Link ->
            case request(IQ#iq.type, El#xmlel.name, El, IQ, {Host, Link}) of
                {error, Error} -> Link ! {route, xmpp:make_error(IQ#iq{sub_els = []}, Error)};
                {ok, Result} -> Link ! {route, xmpp:make_iq_result(IQ, Result)};
                later -> ok
            end,
            ignore
    end.

request(get, <<"hello">>, El, _IQ, {Host, _Link}) ->
    hello(version(<<"min">>, El, 1), version(<<"max">>, El, version(<<"min">>, El, 1)), Host);
request(set, <<"bind">>, #xmlel{children = []} = El, _IQ, {Host, Link}) ->
    case names(El) of
        {_, _} = Key -> bind(Key, Host, Link);
        error -> {error, xmpp:err_bad_request(?T("user and resource must be there"), <<"en">>)}
    end;
request(set, <<"unbind">>, El, IQ, {Host, _Link}) ->
    case session_named(El, Host) of
        {_Key, Pid, _, _} -> mod_trestle_session:unbind(Pid, IQ), later;
        none -> {error, xmpp:err_item_not_found(?T("Not bound"), <<"en">>)}
    end;
request(set, <<"login">>, El, IQ, {Host, Link}) ->
    case {jid:nodeprep(fxml:get_tag_attr_s(<<"user">>, El)), El#xmlel.children} of
        {User, []} when is_binary(User), User /= <<>> -> may_be_bound(User, Host);
        {User, [#xmlel{name = <<"password">>} = Password]} when is_binary(User), User /= <<>> ->
            login(User, fxml:get_tag_cdata(Password), IQ, {Host, Link});
        _ -> {error, xmpp:err_bad_request()}
    end;
request(_, _, _, _, _) ->
    {error, xmpp:err_bad_request()}.

may_be_bound(User, Host) ->
    case {ejabberd_auth:user_exists(User, Host), is_allowed(User, Host)} of
        {true, true} -> {ok, undefined};
        {true, false} -> {error, xmpp:err_not_allowed(?T("This account may not be bound"), <<"en">>)};
        {false, _} -> {error, xmpp:err_item_not_found(?T("No such account"), <<"en">>)}
    end.

%% In a process of its own, which a store that is slow to say holds up alone. Nothing is said of why not.
login(User, Password, IQ, {Host, Link}) ->
    Table = table(Host),
    case ets:update_counter(Table, logins, 1) =< ?LOGINS_MAX of
        true ->
            spawn(fun() -> login_try(User, Password, IQ, {Host, Link}) end),
            later;
        false ->
            ets:update_counter(Table, logins, -1),
            {error, xmpp:err_resource_constraint(?T("Too many passwords are being tried"), <<"en">>)}
    end.

login_try(User, Password, IQ, {Host, Link}) ->
    Right = try ejabberd_auth:check_password(User, <<>>, Host, Password) of
                true -> may_be_bound(User, Host) == {ok, undefined};
                _ -> false
            catch
                Class:Why -> {Class, Why}
            end,
    ets:update_counter(table(Host), logins, -1),
    Answer = case Right of
                 true -> xmpp:make_iq_result(IQ, undefined);
                 false -> xmpp:make_error(IQ#iq{sub_els = []}, xmpp:err_not_authorized());
                 _ ->
                     ?ERROR_MSG("cannot try a password of ~ts@~ts", [User, Host]),
                     xmpp:make_error(IQ#iq{sub_els = []}, xmpp:err_internal_server_error())
             end,
    Link ! {route, Answer}.

version(Name, El, Default) ->
    case fxml:get_tag_attr(Name, El) of
        {value, Text} -> try binary_to_integer(Text) catch error:badarg -> error end;
        false -> Default
    end.

hello(Min, Max, _Host) when not is_integer(Min); not is_integer(Max); Min > Max ->
    {error, xmpp:err_bad_request(?T("min and max are the versions that you know"), <<"en">>)};
hello(Min, Max, _Host) when Min > ?VERSION; Max < ?VERSION ->
    {error, xmpp:err_feature_not_implemented(?T("Only version 1 is known here"), <<"en">>)};
hello(_Min, _Max, Host) ->
    {ok, hello_element(Host)}.

hello_element(Host) ->
    [{epoch, Epoch}] = ets:lookup(table(Host), epoch),
    {Archive, State} = case gen_mod:is_loaded(Host, mod_mam) andalso mod_mam_opt:db_type(Host) of
                           trestle -> {<<"trestle">>, archive_state(Host)};
                           _ -> {<<"other">>, []}
                       end,
    #xmlel{name = <<"hello">>,
           attrs = [{<<"xmlns">>, ?NS_TRESTLE}, {<<"version">>, integer_to_binary(?VERSION)}, {<<"epoch">>, Epoch},
                    {<<"server">>, <<"ejabberd">>}, {<<"plugin">>, <<?PLUGIN_VERSION>>}, {<<"archive">>, Archive},
                    {<<"sessions">>, integer_to_binary(count(Host))},
                    {<<"max-sessions">>, integer_to_binary(option(Host, max_sessions))},
                    {<<"users">>, users_kind(option(Host, users))} | State],
           children = [#xmlel{name = <<"has">>, children = [{xmlcdata, Has}]} ||
                          Has <- [<<"bind">>, <<"uid">>, <<"offline-copy">>, <<"login">>]]}.

%% How the backend of the archive is: what is wrong, and how many bytes wait.
archive_state(Host) ->
    {Problem, Waiting} = case gen_mod:is_loaded(Host, mod_mam_trestle) of
                             true -> mod_mam_trestle_spool:state(Host);
                             false -> {<<"mod_mam_trestle is not among the modules">>, 0}
                         end,
    [{<<"archive-problem">>, Problem} || Problem /= none] ++ [{<<"archive-waiting">>, integer_to_binary(Waiting)} || Waiting > 0].

%% Whom the rule lets in, as far as a name or the rule itself says it.
users_kind(none) -> <<"none">>;
users_kind(all) -> <<"all">>;
users_kind(_) -> <<"some">>.

%% An unsolicited hello: a bridge whose link stood before this module need not ask again and again.
announce(Host) ->
    Component = option(Host, component),
    case ejabberd_router:is_my_route(Component) of
        true -> ejabberd_router:route(#message{from = jid:make(Host), to = jid:make(Component),
                                               sub_els = [hello_element(Host)]});
        false -> ok
    end.

%% The archive went away or is back.
archive_changed(Host) ->
    gen_mod:is_loaded(Host, ?MODULE) andalso announce(Host).

%% The prepared names of an element: {LUser, LResource}, or error.
names(El) ->
    case {jid:nodeprep(fxml:get_tag_attr_s(<<"user">>, El)), jid:resourceprep(fxml:get_tag_attr_s(<<"resource">>, El))} of
        {User, Resource} when is_binary(User), is_binary(Resource), User /= <<>>, Resource /= <<>> -> {User, Resource};
        _ -> error
    end.

%% The session that an element names; after the bind only the prepared spelling counts.
session_named(El, Host) ->
    session(Host, fxml:get_tag_attr_s(<<"user">>, El), fxml:get_tag_attr_s(<<"resource">>, El)).

bind({User, Resource} = Key, Host, Link) ->
    Old = session(Host, User, Resource),
    Checks = [{fun() -> ejabberd_auth:user_exists(User, Host) end, xmpp:err_item_not_found(?T("No such account"), <<"en">>)},
              {fun() -> is_allowed(User, Host) end, xmpp:err_not_allowed(?T("This account may not be bound"), <<"en">>)},
              {fun() -> Old /= none orelse ejabberd_sm:get_session_pid(User, Host, Resource) == none end,
               xmpp:err_conflict(?T("A client has this resource"), <<"en">>)},
              {fun() -> Old /= none orelse count(Host) < option(Host, max_sessions) end,
               xmpp:err_resource_constraint(?T("There are too many sessions already"), <<"en">>)}],
    case [Error || {Check, Error} <- Checks, not Check()] of
        [] -> open(Key, Old, Host, Link);
        [Error | _] -> {error, Error}
    end.

open({User, Resource} = Key, Old, Host, Link) ->
    case Old of
        none -> ok;
        {_Key, Pid, _, _} -> mod_trestle_session:replace(Pid, Link)
    end,
    case supervisor:start_child(table(Host), [#{key => Key, host => Host, link => Link, table => table(Host),
                                                component => option(Host, component)}]) of
        {ok, _} ->
            {ok, #xmlel{name = <<"bound">>, attrs = [{<<"xmlns">>, ?NS_TRESTLE}, {<<"user">>, User}, {<<"resource">>, Resource}]}};
        {error, Why} ->
            ?ERROR_MSG("cannot bind ~ts@~ts/~ts: ~p", [User, Host, Resource, Why]),
            {error, xmpp:err_internal_server_error()}
    end.

%% ---- Stanzas of the bridge

%% Hook local_send_to_resource_hook. Errors do not come here.
process_message(#message{to = #jid{lserver = Host, lresource = <<>>}, lang = Lang} = Message) ->
    case [El || #xmlel{name = <<"inject">>} = El <- xmpp:get_els(Message), xmpp:get_ns(El) == ?NS_TRESTLE] of
        [] -> ok;
        [El | _] ->
            case link_of(Message, Host) of
                none ->
                    ejabberd_router:route_error(Message, xmpp:err_forbidden(?T("Only the component may inject"), Lang));
                Link ->
                    Wrapper = Message#message{sub_els = []},
                    case inject(El, Wrapper, Host) of
                        ok -> ok;
                        {error, Error} -> Link ! {route, xmpp:make_error(Wrapper, Error)}
                    end
            end,
            stop
    end;
process_message(_Packet) ->
    ok.

inject(El, Wrapper, Host) ->
    case {session_named(El, Host), names(El)} of
        {none, error} -> {error, xmpp:err_bad_request(?T("user and resource must be there"), <<"en">>)};
        {none, _} -> {error, xmpp:err_item_not_found(?T("Not bound"), <<"en">>)};
        {Session, _} ->
            case stanza(El, element(1, Session), Host) of
                {ok, Packet, Uid} -> hand_over(Session, Packet, Uid, Wrapper);
                {error, _} = Refusal -> Refusal
            end
    end.

hand_over(Session, Packet, Uid, Wrapper) ->
    case mod_trestle_session:inject(Session, Packet, Uid, Wrapper) of
        ok -> ok;
        full -> {error, xmpp:err_resource_constraint(?T("Too many stanzas of this session wait"), <<"en">>)}
    end.

%% The one stanza inside, decoded, with its uid; or what is wrong with it.
stanza(#xmlel{children = Children} = El, Key, Host) ->
    Inner = [Child || #xmlel{} = Child <- Children],
    Text = [Data || {xmlcdata, Data} <- Children, str:strip(Data) /= <<>>],
    case {Inner, Text} of
        {[#xmlel{name = Name} = One], []} when Name == <<"message">>; Name == <<"presence">>; Name == <<"iq">> ->
            case fxml:get_tag_attr_s(<<"xmlns">>, One) of
                ?NS_CLIENT -> stanza_sized(One, fxml:get_tag_attr(<<"uid">>, El), Key, Host);
                _ -> bad(?T("Only stanzas of jabber:client can be injected"))
            end;
        _ -> bad(?T("Exactly one stanza is injected at a time"))
    end.

stanza_sized(One, Uid, Key, Host) ->
    case byte_size(fxml:element_to_binary(One)) > option(Host, stanza_limit) of
        true -> {error, xmpp:err_policy_violation(?T("The stanza is too large"), <<"en">>)};
        false ->
            try xmpp:decode(One, ?NS_CLIENT, [ignore_els]) of
                Packet -> stanza_checked(Packet, Uid, Key, Host)
            catch
                error:{xmpp_codec, Why} -> bad(xmpp:io_format_error(Why))
            end
    end.

stanza_checked(Packet, Uid, {User, Resource}, Host) ->
    case xmpp:get_from(Packet) of
        undefined -> stanza_identified(Packet, Uid);
        #jid{luser = User, lserver = Host, lresource = From} when From == Resource; From == <<>> ->
            stanza_identified(Packet, Uid);
        _ -> bad(?T("The stanza is from somebody else"))
    end.

stanza_identified(Packet, false) ->
    {ok, Packet, undefined};
stanza_identified(#message{} = Packet, {value, Text}) ->
    case mod_trestle_uid:parse(Text) of
        error -> bad(?T("uid is a UUID, of a message"));
        Uid -> {ok, Packet, Uid}
    end;
stanza_identified(_Packet, _Uid) ->
    bad(?T("uid is a UUID, of a message")).

bad(Text) ->
    {error, xmpp:err_bad_request(Text, <<"en">>)}.

%% ---- The accounts

%% A message for an account of which no client reads: carbons are made by who receives, so that nobody would tell the bridge.
offline_message({_Action, #message{to = #jid{luser = User, lserver = Host}} = Message} = Acc) ->
    lists:foreach(fun({_Priority, Resource}) ->
                          case session(Host, User, Resource) of
                              {_Key, Pid, _, _} -> mod_trestle_session:copy(Pid, Message);
                              none -> ok
                          end
                  end, ejabberd_sm:get_user_present_resources(User, Host)),
    Acc;
offline_message(Acc) ->
    Acc.

%% Before ejabberd_sm ends all sessions (100), which says nothing of why.
remove_user(Name, Server) ->
    {User, Host} = {jid:nodeprep(Name), jid:nameprep(Server)},
    lists:foreach(fun({_Key, Pid, _, _}) -> mod_trestle_session:close(Pid, <<"deleted">>) end,
                  ets:match_object(table(Host), {{User, '_'}, '_', '_', '_'})).
