%% SPDX-License-Identifier: GPL-3.0-or-later
%% One id for one message (docs/bound-sessions.md, "Uids"), in ejabberd 23.01.
%%
%% A uid is the text of a UUID; on the wire of MAM ejabberd writes it as a decimal number of 128 bits, since mod_mam wants
%% an integer. Meta of a packet: stanza_id (the integer; mod_mam removes it from what leaves the sender) and trestle_uid (the
%% text, which stays while the packet is in the node, so that the receiver's archive gets the same).
%%
%% mod_mam strips forged ids only if it makes the id itself, so these hooks strip, before they say which id it is.
-module(mod_trestle_uid).

-export([new/0, parse/1, to_integer/1, from_integer/1]).
-export([start/1, stop/1, set_components/1]).
-export([user_send_packet/1, user_send_packet_last/1, sm_receive_packet/1, component_send_packet/1, filter_packet/1]).

-include_lib("p1_xmpp/include/xmpp.hrl").

-define(NS_TRESTLE, <<"urn:trestle:bind:0">>).
-define(COMPONENTS, {?MODULE, components}).

%% ---- UUIDs

%% A new UUIDv7 (RFC 9562).
-spec new() -> binary().
new() ->
    Stamp = erlang:system_time(millisecond),
    <<A:12, B:62, _:6>> = crypto:strong_rand_bytes(10),
    to_text(<<Stamp:48, 7:4, A:12, 2:2, B:62>>).

to_text(<<A:4/binary, B:2/binary, C:2/binary, D:2/binary, E:6/binary>>) ->
    iolist_to_binary(lists:join($-, [hex(Part) || Part <- [A, B, C, D, E]])).

hex(Bytes) ->
    << <<(digit(N))>> || <<N:4>> <= Bytes >>.

digit(N) when N < 10 -> $0 + N;
digit(N) -> $a + N - 10.

%% The uid in small letters, or error if it is no UUID.
-spec parse(binary()) -> binary() | error.
parse(Text) ->
    case re:run(Text, "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\\z", [{capture, none}]) of
        match -> string:lowercase(Text);
        nomatch -> error
    end.

-spec to_integer(binary()) -> non_neg_integer().
to_integer(Uid) ->
    binary_to_integer(binary:replace(Uid, <<"-">>, <<>>, [global]), 16).

-spec from_integer(non_neg_integer()) -> binary().
from_integer(Number) ->
    to_text(<<Number:128>>).

%% ---- Hooks

start(Host) ->
    ejabberd_hooks:add(user_send_packet, Host, ?MODULE, user_send_packet, 87),
    ejabberd_hooks:add(user_send_packet, Host, ?MODULE, user_send_packet_last, 501),
    ejabberd_hooks:add(sm_receive_packet, Host, ?MODULE, sm_receive_packet, 49).

stop(Host) ->
    ejabberd_hooks:delete(user_send_packet, Host, ?MODULE, user_send_packet, 87),
    ejabberd_hooks:delete(user_send_packet, Host, ?MODULE, user_send_packet_last, 501),
    ejabberd_hooks:delete(sm_receive_packet, Host, ?MODULE, sm_receive_packet, 49).

%% Which components there are: #{domain => host that names it}. With none left, no packet is looked at any more.
set_components(Components) ->
    Change = case maps:size(Components) of 0 -> delete; _ -> add end,
    persistent_term:put(?COMPONENTS, Components),
    ejabberd_hooks:Change(component_send_packet, ?MODULE, component_send_packet, 50),
    ejabberd_hooks:Change(filter_packet, ?MODULE, filter_packet, 50),
    ok.

is_component(Domain) ->
    maps:is_key(Domain, persistent_term:get(?COMPONENTS, #{})).

%% Marks what comes over a component's link with the link and the domain that it signed in for. Nothing else in the node has
%% this mark: a listener that serves several domains lets each of them write from the others.
component_send_packet({drop, _State} = Acc) ->
    Acc;
component_send_packet({Packet, #{remote_server := Domain} = State}) ->
    case is_component(Domain) of
        true -> {xmpp:put_meta(Packet, trestle_link, {self(), Domain}), State};
        false -> {Packet, State}
    end;
component_send_packet(Acc) ->
    Acc.

%% What an account of the host sends; before mod_mam (88) and carbons (89).
user_send_packet({#message{meta = #{carbon_copy := true}}, _State} = Acc) ->
    Acc;
user_send_packet({#message{} = Message, #{lserver := Host} = State}) ->
    Given = maps:get(trestle_uid, State, undefined),
    {identify(clean(Message, Host), Given, Host), State};
user_send_packet(Acc) ->
    Acc.

%% The same after mod_mam has removed the sender's stanza-id (500): a component's user gets the uid of the sender's archive.
user_send_packet_last({#message{to = #jid{lserver = To}, meta = #{mam_archived := true, trestle_uid := Uid}} = Message, State}) ->
    case is_component(To) of
        true -> {xmpp:append_subtags(Message, [uid_element(Uid)]), State};
        false -> {Message, State}
    end;
user_send_packet_last(Acc) ->
    Acc.

%% What an account of the host gets, once, before mod_mam (50).
sm_receive_packet(#message{meta = #{from_offline := true}} = Message) ->
    Message;
sm_receive_packet(#message{meta = #{carbon_copy := true}} = Message) ->
    Message;
sm_receive_packet(#message{to = #jid{lserver = Host}, meta = Meta} = Message) ->
    Given = case Meta of
                #{trestle_uid := Uid} -> Uid;
                #{trestle_link := {_Pid, Domain}} -> uid_given(Message, Domain, Host);
                _ -> undefined
            end,
    identify(clean(Message, Host), Given, Host);
sm_receive_packet(Acc) ->
    Acc.

%% Nobody but this module says <uid/> to a component's users.
filter_packet(#message{to = #jid{lserver = To}, meta = Meta} = Message) ->
    case is_component(To) andalso not maps:is_key(trestle_uid, Meta) of
        true -> clean(Message, none);
        false -> Message
    end;
filter_packet(Acc) ->
    Acc.

%% The <uid/> that the host's own component wrote.
uid_given(Message, Domain, Host) ->
    case persistent_term:get(?COMPONENTS, #{}) of
        #{Domain := Hosts} ->
            Found = [fxml:get_tag_attr_s(<<"id">>, El) || #xmlel{} = El <- xmpp:get_els(Message), is_uid(El)],
            case lists:member(Host, Hosts) andalso Found of
                [Text | _] ->
                    case parse(Text) of
                        error -> undefined;
                        Uid -> Uid
                    end;
                _ -> undefined
            end;
        _ -> undefined
    end.

uid_element(Uid) ->
    #xmlel{name = <<"uid">>, attrs = [{<<"xmlns">>, ?NS_TRESTLE}, {<<"id">>, Uid}]}.

%% Without an archive of ours only a uid that was given is kept: other backends cannot store such numbers.
identify(Message, undefined, Host) ->
    case archive_is_ours(Host) of
        true -> identify(Message, new(), Host);
        false -> Message
    end;
identify(Message, Uid, Host) ->
    Known = xmpp:put_meta(Message, trestle_uid, Uid),
    case archive_is_ours(Host) of
        true -> xmpp:put_meta(Known, stanza_id, to_integer(Uid));
        false -> Known
    end.

archive_is_ours(Host) ->
    gen_mod:is_loaded(Host, mod_mam) andalso mod_mam_opt:db_type(Host) == trestle.

%% ---- Forged elements

%% Without <uid/>, and without ids that claim to be by the host or by one of its accounts.
clean(Message, Host) ->
    Els = xmpp:get_els(Message),
    case lists:any(fun(El) -> is_forged(El, Host) end, Els) of
        true -> xmpp:set_els(Message, [El || El <- Els, not is_forged(El, Host)]);
        false -> Message
    end.

is_uid(El) ->
    xmpp:get_name(El) == <<"uid">> andalso xmpp:get_ns(El) == ?NS_TRESTLE.

is_forged(El, Host) ->
    case {xmpp:get_name(El), xmpp:get_ns(El)} of
        {<<"uid">>, ?NS_TRESTLE} -> true;
        {<<"stanza-id">>, ?NS_SID_0} -> is_by(El, Host);
        {<<"archived">>, ?NS_MAM_TMP} -> is_by(El, Host);
        _ -> false
    end.

is_by(_El, none) ->
    false;
is_by(El, Host) ->
    try xmpp:decode(El) of
        #stanza_id{by = #jid{lserver = By}} -> By == Host;
        #mam_archived{by = #jid{lserver = By}} -> By == Host;
        _ -> false
    catch
        error:{xmpp_codec, _} -> true
    end.
