# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that a described field must refuse, made from its schema; and ones that it takes."""
import json
import uuid

DEEP = json.loads("[" * 20 + "]" * 20)
ILLEGAL = {"NUL": "a\0b", "control": "a\x01b", "not a character": "a\ufffeb", "escape": "\x1b[31m"}
HUGE = 2**63 - 1


def types_of(schema):
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def good(schema):
    """A value that the declaration permits."""
    kinds = types_of(schema)
    if "enum" in schema:
        return schema["enum"][0]
    if "boolean" in kinds:
        return True
    if "integer" in kinds:
        return max(schema.get("minimum", 0), 1)
    if "array" in kinds:
        return [good(schema["items"])] * max(schema.get("minItems", 0), 1)
    if "object" in kinds:
        parts = schema.get("properties", {})
        wanted = schema.get("required") or list(parts)[:schema.get("minProperties", 0)]
        return {name: good(part) for name, part in parts.items() if name in wanted}
    if schema.get("format") == "emoji":
        return "\U0001f44d"
    if schema.get("format") == "uuid":
        return str(uuid.uuid4())
    if schema.get("format") == "date-time":
        return "2040-02-29T23:59:59Z"
    if schema.get("format") == "local-time":
        return "2040-02-29T23:59"
    return "x" * max(schema.get("minLength", 1), 1)


def allowed_values(schema):
    """Values at the ends of what the declaration permits."""
    kinds = types_of(schema) - {"null"}
    if "enum" in schema:
        return [value for value in schema["enum"] if value is not None]
    if "boolean" in kinds:
        return [True, False]
    found = []
    if "integer" in kinds:
        low, high = schema.get("minimum", 0), schema["maximum"]
        found += [low, high, float(low)]
    if schema.get("format") == "uuid":
        return [str(uuid.uuid4()), str(uuid.uuid4()).upper()]
    if schema.get("format") == "jid":
        return [f"{uuid.uuid4().hex}@example.org", "B\u00fccher@Example.ORG"]
    if schema.get("format") == "emoji":
        return ["\U0001f44d", "\u2764\ufe0f", "\U0001f1e9\U0001f1ea", "5\ufe0f\u20e3",
                "\U0001f468\U0001f3fd\u200d\U0001f469\U0001f3fb\u200d\U0001f467\u200d\U0001f466"]
    if schema.get("format") == "date-time":
        return ["2040-02-29T23:59:59Z", "2040-01-01T00:00:60.123456+13:59"]
    if schema.get("format") == "local-time":
        return ["2040-02-29T23:59", "2040-01-01T00:00:59"]
    if "forever" in schema.get("pattern", ""):
        return ["forever", "2040-02-29T23:59:59Z", "2040-01-01T00:00:60.123456+13:59"]
    if "string" in kinds:
        unique = uuid.uuid4().hex
        found += [unique[:schema.get("minLength", 1)], (unique * 4100)[:schema.get("maxLength", 100)]]
        found.append("\t\u00e9\u4e2d\U0001f600" + unique if schema.get("maxLength", 100) > 60 else unique)
    return found


def texts(schema):
    """Name → a text that is refused, whether it comes as JSON or as a parameter."""
    kinds = types_of(schema)
    if "enum" in schema:
        first = schema["enum"][0]
        return {"no choice": "nonsense", "empty": "", "other case": first.upper(), "longer": first + "x", **ILLEGAL}
    if schema.get("format") == "uuid":
        id = str(uuid.uuid4())
        return {"empty": "", "no id": "x", "short id": id[:-1], "long id": id + "0", "braces": "{%s}" % id,
                "other letter": id[:-1] + "g", "space": id + " ", "NUL after": id + "\0", **ILLEGAL}
    if "string" not in kinds:
        return {}
    found = dict(ILLEGAL)
    if schema.get("format") == "emoji":
        found |= {"a letter": "a", "two": "\U0001f44d\U0001f44d", "a word": "+1", "half a flag": "\U0001f1e9", "space": " \U0001f44d"}
    if schema.get("format") == "date-time":
        found |= {"no day": "2040-02-30T00:00:00Z", "no zone": "2040-01-01T00:00:00", "no time": "2040-01-01", "a word": "tomorrow"}
    if schema.get("format") == "local-time":
        found |= {"no day": "2041-02-29T00:00", "a zone": "2040-01-01T00:00Z", "no hour": "2040-01-01T24:00", "fraction": "2040-01-01T00:00:00.5"}
    if schema.get("minLength", 0) > 0:
        found["too short"] = "x" * (schema["minLength"] - 1)
    if "maxLength" in schema:
        found["too long"] = "x" * (schema["maxLength"] + 1)
        found["too many bytes"] = "\u00e9" * (schema["maxLength"] // 2 + 1)
    return found


def bad_values(schema, required):
    """Name → a JSON value that is refused because of this field."""
    kinds = types_of(schema)
    if not schema:
        return {"null": None} if required else {}  # any JSON: its handler knows
    found = texts(schema)
    others = {"string": "text", "number": 1.5, "integer": 7, "boolean": True, "array": ["x"], "object": {"x": "y"}}
    for kind, value in others.items():
        if kind not in kinds:
            found[f"a {kind}"] = value
    found["nested"] = DEEP
    if "integer" in kinds:
        if "minimum" in schema:
            found["below"] = schema["minimum"] - 1
        if schema.get("maximum", HUGE) < HUGE:
            found["above"] = schema["maximum"] + 1
            found["huge"] = HUGE
        if "string" not in kinds:
            found["one as text"] = "1"
    if required:
        found["null"] = None
    if "array" in kinds:
        found["a bad item"] = [next(iter(bad_values(schema["items"], True).values()))]
    return found


def bad_parameters(schema):
    """Name → a text that is refused in a query."""
    kinds = types_of(schema)
    if "boolean" in kinds:
        return {"no boolean": "yes", "empty": "", "number": "1", "other case": "True"}
    if "integer" not in kinds:
        return texts(schema)
    found = {"no number": "x", "empty": "", "fraction": "1.5", "spaces": " 1", "plus": "+1", "too large": "9" * 19,
             "far too large": "9" * 30, "NUL after": "1\0", "hexadecimal": "0x1"}
    if "minimum" in schema:
        found["below"] = str(schema["minimum"] - 1)
    if schema.get("maximum", HUGE) < HUGE:
        found["above"] = str(schema["maximum"] + 1)
    return found


def bad_documents(name):
    """Name → text or bytes of an object with member `name` that cannot be read at all."""
    key = json.dumps(name)
    return {"twice": '{%s:"x",%s:"x"}' % (key, key), "far too deep": '{%s:%s}' % (key, "[" * 5000 + "]" * 5000),
            "huge number": '{%s:1e999999}' % key, "long number": '{%s:%s}' % (key, "9" * 60),
            "bad UTF-8": b'{%s:"\xff\xfe"}' % key.encode(), "raw NUL": b'{%s:"\0"}' % key.encode(),
            "overlong UTF-8": b'{%s:"\xc0\xaf"}' % key.encode(),
            "cut": '{%s:"x' % key}
