/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ICU has the properties, mappings and IDNA, but no PRECIS: the classes are derived here, in the
 * order of RFC 8264 section 8. Tables that come with ICU are loaded on first use. */
#include "config.h"

#include <string.h>
#include <unicode/uchar.h>
#include <unicode/uidna.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include "xep/precis.h"

/* Longer than any part may be, also before mappings make it shorter; in UTF-16 units. */
#define TEXT_MAX 4096
#define DOMAIN_ASCII_MAX 253

struct text {
    UChar unit[TEXT_MAX];
    int32_t length;
};

enum class { CLASS_IDENTIFIER, CLASS_FREEFORM };

static bool text_read(struct text *text, const char *utf8, size_t length)
{
    UErrorCode status = U_ZERO_ERROR;
    if (length == 0 || length > TEXT_MAX || !g_utf8_validate_len(utf8, length, NULL))
        return false;
    u_strFromUTF8(text->unit, TEXT_MAX, &text->length, utf8, (int32_t)length, &status);
    return U_SUCCESS(status) && text->length < TEXT_MAX;
}

static char *text_write(const struct text *text, size_t max)
{
    UErrorCode status = U_ZERO_ERROR;
    int32_t length = 0;
    char *utf8 = g_malloc(max + 1);
    u_strToUTF8(utf8, (int32_t)max + 1, &length, text->unit, text->length, &status);
    if (U_SUCCESS(status) && length > 0 && (size_t)length <= max)
        return utf8;
    g_free(utf8);
    return NULL;
}

static bool text_append(struct text *text, const UChar *units, int32_t length)
{
    if (length > TEXT_MAX - 1 - text->length)
        return false;
    u_memcpy(text->unit + text->length, units, length);
    text->length += length;
    return true;
}

/* The code point at *AT, which moves behind it. ICU's macros for this do not compile without sign
 * conversions. TEXT was valid UTF-8 and has no lone surrogates. */
static UChar32 next_point(const struct text *text, int32_t *at)
{
    UChar32 c = text->unit[(*at)++];
    if (c >= 0xd800 && c < 0xdc00 && *at < text->length)
        c = 0x10000 + ((c - 0xd800) << 10) + (text->unit[(*at)++] - 0xdc00);
    return c;
}

/* ---- Mappings -------------------------------------------------------------------------------- */

/* Full-width and half-width characters to what they are variants of (RFC 8265 section 3.1). */
static bool map_width(struct text *text)
{
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *nfkc = unorm2_getNFKCInstance(&status);
    struct text mapped = {.length = 0};
    for (int32_t i = 0; U_SUCCESS(status) && i < text->length;) {
        UChar plain[32];
        int32_t start = i;
        UChar32 c = next_point(text, &i);
        int32_t kind = u_getIntPropertyValue(c, UCHAR_DECOMPOSITION_TYPE);
        int32_t length = -1;
        if (kind == U_DT_WIDE || kind == U_DT_NARROW)
            length = unorm2_getRawDecomposition(nfkc, c, plain, G_N_ELEMENTS(plain), &status);
        if (!(length >= 0 ? text_append(&mapped, plain, length)
                          : text_append(&mapped, text->unit + start, i - start)))
            return false;
    }
    *text = mapped;
    return U_SUCCESS(status);
}

static void map_spaces(struct text *text)
{
    for (int32_t i = 0; i < text->length; i++)
        if (u_charType(text->unit[i]) == U_SPACE_SEPARATOR)
            text->unit[i] = ' '; /* all of them are in the first plane */
}

static bool map_case(struct text *text)
{
    UErrorCode status = U_ZERO_ERROR;
    struct text lower;
    lower.length = u_strToLower(lower.unit, TEXT_MAX, text->unit, text->length, "", &status);
    if (U_FAILURE(status) || lower.length >= TEXT_MAX)
        return false;
    *text = lower;
    return true;
}

static bool text_normalize(struct text *text)
{
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&status);
    struct text normal;
    normal.length = unorm2_normalize(nfc, text->unit, text->length, normal.unit, TEXT_MAX, &status);
    if (U_FAILURE(status) || normal.length >= TEXT_MAX)
        return false;
    *text = normal;
    return true;
}

/* ---- Code points ----------------------------------------------------------------------------- */

static bool is_one_of(UChar32 c, const UChar32 *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == c)
            return true;
    return false;
}

/* RFC 5892 section 2.6. */
static bool is_allowed_exception(UChar32 c)
{
    static const UChar32 list[] = {0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007};
    return is_one_of(c, list, G_N_ELEMENTS(list));
}

static bool is_refused_exception(UChar32 c)
{
    static const UChar32 list[] = {0x640,  0x7fa,  0x302e, 0x302f, 0x3031,
                                   0x3032, 0x3033, 0x3034, 0x3035, 0x303b};
    return is_one_of(c, list, G_N_ELEMENTS(list));
}

static bool has_compatible(UChar32 c)
{
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *nfkc = unorm2_getNFKCInstance(&status);
    UChar unit[2];
    int32_t length = 0;
    u_strFromUTF32(unit, 2, &length, &c, 1, &status);
    return U_FAILURE(status) || !unorm2_isNormalized(nfkc, unit, length, &status);
}

static bool is_refused_always(UChar32 c)
{
    int32_t jamo = u_getIntPropertyValue(c, UCHAR_HANGUL_SYLLABLE_TYPE);
    int8_t type = u_charType(c);
    return jamo == U_HST_LEADING_JAMO || jamo == U_HST_VOWEL_JAMO || jamo == U_HST_TRAILING_JAMO ||
           u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) ||
           u_hasBinaryProperty(c, UCHAR_NONCHARACTER_CODE_POINT) || type == U_CONTROL_CHAR ||
           type == U_UNASSIGNED || type == U_PRIVATE_USE_CHAR || type == U_SURROGATE ||
           type == U_FORMAT_CHAR || type == U_LINE_SEPARATOR || type == U_PARAGRAPH_SEPARATOR;
}

static bool is_letter_digit(UChar32 c)
{
    return (U_GET_GC_MASK(c) & (U_GC_LL_MASK | U_GC_LU_MASK | U_GC_LO_MASK | U_GC_ND_MASK |
                                U_GC_LM_MASK | U_GC_MN_MASK | U_GC_MC_MASK)) != 0;
}

/* The code points around the one at AT, 0 where there is none. */
static UChar32 point_before(const struct text *text, int32_t at)
{
    if (at > 1 && U16_IS_TRAIL(text->unit[at - 1]))
        at--;
    at--;
    return at >= 0 ? next_point(text, &at) : 0;
}

static UChar32 point_after(const struct text *text, int32_t at)
{
    next_point(text, &at);
    return at < text->length ? next_point(text, &at) : 0;
}

static UScriptCode script_of(UChar32 c)
{
    UErrorCode status = U_ZERO_ERROR;
    return uscript_getScript(c, &status);
}

/* Whether a character of [FIRST, LAST], or of the Japanese scripts for FIRST 0, is in TEXT. */
static bool text_holds(const struct text *text, UChar32 first, UChar32 last)
{
    for (int32_t i = 0; i < text->length;) {
        UChar32 c = next_point(text, &i);
        UScriptCode script = script_of(c);
        if (first
                ? c >= first && c <= last
                : script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA || script == USCRIPT_HAN)
            return true;
    }
    return false;
}

enum verdict { VERDICT_NONE, VERDICT_YES, VERDICT_NO };

/* The rules of context, RFC 5892 appendix A. Joiners are taken after a virama only, not between
 * joining letters. */
static enum verdict judge_context(const struct text *text, int32_t at, UChar32 c)
{
    UChar32 before = point_before(text, at);
    bool fine;
    if (c == 0x200c || c == 0x200d)
        fine = u_getCombiningClass(before) == 9;
    else if (c == 0xb7)
        fine = before == 'l' && point_after(text, at) == 'l';
    else if (c == 0x375)
        fine = script_of(point_after(text, at)) == USCRIPT_GREEK;
    else if (c == 0x5f3 || c == 0x5f4)
        fine = script_of(before) == USCRIPT_HEBREW;
    else if (c == 0x30fb)
        fine = text_holds(text, 0, 0);
    else if (c >= 0x660 && c <= 0x669)
        fine = !text_holds(text, 0x6f0, 0x6f9);
    else if (c >= 0x6f0 && c <= 0x6f9)
        fine = !text_holds(text, 0x660, 0x669);
    else
        return VERDICT_NONE;
    return fine ? VERDICT_YES : VERDICT_NO;
}

static bool is_in_class(const struct text *text, int32_t at, UChar32 c, enum class class)
{
    enum verdict context = judge_context(text, at, c);
    if (context != VERDICT_NONE)
        return context == VERDICT_YES;
    if (is_allowed_exception(c))
        return true;
    if (is_refused_exception(c) || is_refused_always(c))
        return false;
    if (class == CLASS_FREEFORM || (c > 0x20 && c < 0x7f))
        return true;
    return !has_compatible(c) && is_letter_digit(c);
}

static bool text_is_in_class(const struct text *text, enum class class)
{
    for (int32_t i = 0; i < text->length;) {
        int32_t at = i;
        UChar32 c = next_point(text, &i);
        if (!is_in_class(text, at, c, class))
            return false;
    }
    return text->length > 0;
}

/* ---- Direction ------------------------------------------------------------------------------- */

#define DIRECTION(name) (1u << U_##name)

static unsigned directions_of(const struct text *text, unsigned *ret_first, unsigned *ret_last)
{
    unsigned all = 0;
    *ret_first = *ret_last = 0;
    for (int32_t i = 0; i < text->length;) {
        UChar32 c = next_point(text, &i);
        unsigned direction = 1u << u_charDirection(c);
        all |= direction;
        *ret_first = *ret_first ? *ret_first : direction;
        if (direction != DIRECTION(DIR_NON_SPACING_MARK))
            *ret_last = direction;
    }
    return all;
}

/* The Bidi Rule, RFC 5893 section 2; it binds only what has a right-to-left character. */
static bool direction_is_right(const struct text *text)
{
    const unsigned rtl = DIRECTION(RIGHT_TO_LEFT) | DIRECTION(RIGHT_TO_LEFT_ARABIC);
    const unsigned arabic = DIRECTION(ARABIC_NUMBER);
    const unsigned european = DIRECTION(EUROPEAN_NUMBER);
    const unsigned neutral = DIRECTION(EUROPEAN_NUMBER_SEPARATOR) |
                             DIRECTION(COMMON_NUMBER_SEPARATOR) |
                             DIRECTION(EUROPEAN_NUMBER_TERMINATOR) | DIRECTION(OTHER_NEUTRAL) |
                             DIRECTION(BOUNDARY_NEUTRAL) | DIRECTION(DIR_NON_SPACING_MARK);
    unsigned first;
    unsigned last;
    unsigned all = directions_of(text, &first, &last);
    if (!(all & (rtl | arabic)))
        return true;
    return (first & rtl) && !(all & ~(rtl | arabic | european | neutral)) &&
           (last & (rtl | arabic | european)) && !((all & arabic) && (all & european));
}

/* ---- Profiles -------------------------------------------------------------------------------- */

static bool enforce_username(struct text *text)
{
    return map_width(text) && map_case(text) && text_normalize(text) &&
           text_is_in_class(text, CLASS_IDENTIFIER) && direction_is_right(text);
}

/* False: nodeprep does not let TEXT pass. */
static bool apply_nodeprep(struct text *text)
{
    static UStringPrepProfile *profile;
    UErrorCode status = U_ZERO_ERROR;
    struct text prepared;
    if (!profile)
        profile = usprep_openByType(USPREP_RFC3920_NODEPREP, &status);
    if (U_FAILURE(status))
        return false;
    prepared.length = usprep_prepare(profile, text->unit, text->length, prepared.unit, TEXT_MAX,
                                     USPREP_ALLOW_UNASSIGNED, NULL, &status);
    if (U_FAILURE(status) || prepared.length >= TEXT_MAX)
        return false;
    *text = prepared;
    return true;
}

static bool text_equal(const struct text *a, const struct text *b)
{
    return a->length == b->length && u_memcmp(a->unit, b->unit, a->length) == 0;
}

char *precis_username(const char *text, size_t length, size_t max)
{
    struct text name;
    if (!text_read(&name, text, length) || !enforce_username(&name) || !apply_nodeprep(&name))
        return NULL;
    struct text again = name;
    if (!enforce_username(&again) || !text_equal(&name, &again))
        return NULL;
    return text_write(&name, max);
}

char *precis_opaque(const char *text, size_t length, size_t max)
{
    struct text opaque;
    if (!text_read(&opaque, text, length))
        return NULL;
    map_spaces(&opaque);
    if (!text_normalize(&opaque) || !text_is_in_class(&opaque, CLASS_FREEFORM))
        return NULL;
    return text_write(&opaque, max);
}

static const UIDNA *idna_instance(void)
{
    static UIDNA *instance;
    UErrorCode status = U_ZERO_ERROR;
    if (!instance)
        instance = uidna_openUTS46(UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                                       UIDNA_CHECK_CONTEXTO | UIDNA_NONTRANSITIONAL_TO_ASCII |
                                       UIDNA_NONTRANSITIONAL_TO_UNICODE,
                                   &status);
    return U_SUCCESS(status) ? instance : NULL;
}

/* ICU lets symbols pass, which IDNA2008 does not; its lengths are told by the ASCII form only. */
static bool is_idna2008(const struct text *domain)
{
    UErrorCode status = U_ZERO_ERROR;
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    struct text ascii;
    ascii.length = uidna_nameToASCII(idna_instance(), domain->unit, domain->length, ascii.unit,
                                     TEXT_MAX, &info, &status);
    return U_SUCCESS(status) && info.errors == 0 && ascii.length <= DOMAIN_ASCII_MAX &&
           text_is_in_class(domain, CLASS_IDENTIFIER);
}

/* All four dots of IDNA (RFC 3490 section 3.1). */
static bool ends_with_dot(const struct text *text)
{
    static const UChar32 dots[] = {'.', 0x3002, 0xff0e, 0xff61};
    return text->length > 0 && is_one_of(text->unit[text->length - 1], dots, G_N_ELEMENTS(dots));
}

char *precis_domain(const char *text, size_t length, size_t max)
{
    UErrorCode status = U_ZERO_ERROR;
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    struct text input;
    struct text domain;
    if (!text_read(&input, text, length) || !idna_instance())
        return NULL;
    if (ends_with_dot(&input))
        input.length--;
    domain.length = uidna_nameToUnicode(idna_instance(), input.unit, input.length, domain.unit,
                                        TEXT_MAX, &info, &status);
    if (U_FAILURE(status) || info.errors != 0 || domain.length >= TEXT_MAX ||
        ends_with_dot(&domain))
        return NULL;
    return is_idna2008(&domain) ? text_write(&domain, max) : NULL;
}
