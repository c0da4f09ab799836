/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ffmpeg and ffprobe, for what is to be known and made of sounds and videos. The file is descriptor
 * 3; what is made goes to standard output, or to descriptor 4. */
#pragma once

/* What WHAT is for:
 *  wall    nothing; status 0: files can be kept from what is run
 *  probe   JSON: duration, and codec, width, height of each stream
 *  wave    its sound, 4000 samples a second of 16 bits, the machine's order
 *  ogg     its sound as it is, in Ogg
 *  poster  its first picture, a JPEG
 *  copy    to 4: as it is, in MP4, without what is no sound or picture; to standard output how much
 *          that is (-progress)
 *  stream  to 4: as it is, in MPEG-TS; to standard output a playlist of its segments (HLS)
 *  low     likewise, of at most 640 × 360
 *  mp4     to 4: H.264 of at most 1280 × 720 at 30 pictures a second, AAC, in MP4;
 *          likewise
 * Runs as fence_enter() says. Does not return but with an exit status. */
int tool_run(const char *what);
