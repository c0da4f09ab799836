# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libxep.a
libxep_a_SOURCES = \
  xep/0004_data_forms.c xep/0004_data_forms.h \
  xep/0012_last.c xep/0012_last.h \
  xep/0030_disco.c xep/0030_disco.h \
  xep/0045_admin.c xep/0045_admin.h \
  xep/0045_config.c xep/0045_config.h \
  xep/0045_invitation.c xep/0045_invitation.h \
  xep/0045_item.c xep/0045_item.h \
  xep/0045_muc.c xep/0045_muc.h \
  xep/0045_owner.c xep/0045_owner.h \
  xep/0045_register.c xep/0045_register.h \
  xep/0045_user.c xep/0045_user.h \
  xep/0045_voice.c xep/0045_voice.h \
  xep/0050_commands.c xep/0050_commands.h \
  xep/0054_vcard.c xep/0054_vcard.h \
  xep/0059_rsm.c xep/0059_rsm.h \
  xep/0060_pubsub.c xep/0060_pubsub.h \
  xep/0080_geoloc.c xep/0080_geoloc.h \
  xep/0084_avatar.c xep/0084_avatar.h \
  xep/0085_chat_states.c xep/0085_chat_states.h \
  xep/0092_version.c xep/0092_version.h \
  xep/0115_caps.c xep/0115_caps.h \
  xep/0153_vcard_avatar.c xep/0153_vcard_avatar.h \
  xep/0166_jingle.c xep/0166_jingle.h \
  xep/0172_nick.c xep/0172_nick.h \
  xep/0184_receipts.c xep/0184_receipts.h \
  xep/0199_ping.c xep/0199_ping.h \
  xep/0201_thread.c xep/0201_thread.h \
  xep/0202_time.c xep/0202_time.h \
  xep/0203_delay.c xep/0203_delay.h \
  xep/0215_external_services.c xep/0215_external_services.h \
  xep/0066_oob.c xep/0066_oob.h \
  xep/0447_file_sharing.c xep/0447_file_sharing.h \
  xep/0227_pie.c xep/0227_pie.h \
  xep/0249_direct_invitation.c xep/0249_direct_invitation.h \
  xep/0280_carbons.c xep/0280_carbons.h \
  xep/0292_vcard4.c xep/0292_vcard4.h \
  xep/0297_forward.c xep/0297_forward.h \
  xep/0308_correction.c xep/0308_correction.h \
  xep/0313_mam_query.c xep/0313_mam_query.h \
  xep/0313_mam_result.c xep/0313_mam_result.h \
  xep/0317_hats.c xep/0317_hats.h \
  xep/0319_idle.c xep/0319_idle.h \
  xep/0333_markers.c xep/0333_markers.h \
  xep/0334_hints.c xep/0334_hints.h \
  xep/0353_jingle_message.c xep/0353_jingle_message.h \
  xep/0359_ids.c xep/0359_ids.h \
  xep/0363_upload.c xep/0363_upload.h \
  xep/0372_references.c xep/0372_references.h \
  xep/0377_reporting.c xep/0377_reporting.h \
  xep/0402_bookmarks.c xep/0402_bookmarks.h \
  xep/0410_self_ping.c xep/0410_self_ping.h \
  xep/0421_occupant_id.c xep/0421_occupant_id.h \
  xep/0422_fastening.c xep/0422_fastening.h \
  xep/0424_retraction.c xep/0424_retraction.h \
  xep/0424_tombstone.c xep/0424_tombstone.h \
  xep/0425_moderation.c xep/0425_moderation.h \
  xep/0428_fallback.c xep/0428_fallback.h \
  xep/0441_mam_preferences.c xep/0441_mam_preferences.h \
  xep/0513_mentions.c xep/0513_mentions.h \
  xep/json_payload.c xep/json_payload.h \
  xep/0444_reactions.c xep/0444_reactions.h \
  xep/0461_reply.c xep/0461_reply.h \
  xep/0466_ephemeral.c xep/0466_ephemeral.h \
  xep/0355_delegation.c xep/0355_delegation.h \
  xep/0490_displayed_sync.c xep/0490_displayed_sync.h \
  xep/bound.c xep/bound.h \
  xep/error.c xep/error.h \
  xep/geo_uri.c xep/geo_uri.h \
  xep/jid.c xep/jid.h \
  xep/jingle/candidate.c xep/jingle/candidate.h \
  xep/jingle/change.c xep/jingle/change.h \
  xep/jingle/content.h xep/jingle/content_read.c xep/jingle/content_write.c \
  xep/jingle/media.c xep/jingle/media.h \
  xep/jingle/negotiate.c xep/jingle/negotiate.h \
  xep/jingle/relay_only.c xep/jingle/relay_only.h \
  xep/jingle/sdp.h xep/jingle/sdp_read.c xep/jingle/sdp_write.c \
  xep/message.c xep/message.h \
  xep/message_text.c xep/message_text.h \
  xep/name.c xep/name.h \
  xep/ns.h \
  xep/precis.c xep/precis.h \
  xep/presence.c xep/presence.h \
  xep/range.c xep/range.h \
  xep/registry.c xep/registry.h \
  xep/roster.c xep/roster.h \
  xep/stanza.c xep/stanza.h xep/stanza_read.c \
  xep/stanza_text.c xep/stanza_text.h \
  xep/stream_lexer.c xep/stream_lexer.h \
  xep/stream_reader.c xep/stream_reader.h \
  xep/time.c xep/time.h \
  xep/visible.c xep/visible.h
XEP_LIBS = libxep.a $(STROPHE_LIBS) $(ICU_LIBS) $(EXPAT_LIBS) $(GLIB_LIBS)

noinst_PROGRAMS += xep/dump_xeps
xep_dump_xeps_SOURCES = xep/dump_xeps.c
xep_dump_xeps_LDADD = $(XEP_LIBS)
EXTRA_DIST += docs/xeps.md trestle.doap xep/README.md

# Writes the registry's documents into the source tree; a test compares them.
xeps: xep/dump_xeps
	xep/dump_xeps > $(srcdir)/docs/xeps.md
	xep/dump_xeps --doap > $(srcdir)/trestle.doap
.PHONY: xeps
