"""OpenAPI documents as protobuf messages: those of gnostic's openapiv2 and openapiv3, which clients ask for by media type.

A message is a table {JSON name: (tag, writer)}; a writer gives the bytes of each value to write under the tag, or a bool.
"""
import json, struct


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def put(tag, value):
    if isinstance(value, bool):
        return varint(tag << 3) + varint(value)
    return varint(tag << 3 | 2) + varint(len(value)) + value


def text(v):
    return [v.encode()]


def texts(v):
    return [s.encode() for s in v]


def flag(v):
    return [v]


def any_of(v):
    """Any value: YAML, of which JSON is a part."""
    return put(2, json.dumps(v, separators=(",", ":")).encode() + b"\n")


def message(table, extensions):
    """A writer of one message; members that begin with x- go into the named list of that tag."""
    def write(v):
        out = b""
        for name, (tag, writer) in table().items():
            if name in v:
                out += b"".join(put(tag, part) for part in writer(v[name]))
        for name, value in v.items():
            if name.startswith("x-"):
                out += put(extensions, put(1, name.encode()) + put(2, any_of(value)))
        return [out]
    return write


def within(tag, writer):
    """The one member of a message around it."""
    return lambda v: [b"".join(put(tag, part) for part in writer(v))]


def repeated(writer):
    return lambda v: [part for one in v for part in writer(one)]


def named(writer, tag=1):
    """A map: a message with a list of names and values."""
    return lambda v: [b"".join(put(tag, put(1, name.encode()) + b"".join(put(2, part) for part in writer(one))) for name, one in v.items())]


def either(reference, other):
    return lambda v: reference(v) if "$ref" in v else other(v)


# ---- version 2 ----

schema2 = message(lambda: {
    "$ref": (1, text), "format": (2, text), "description": (4, text), "required": (19, texts), "enum": (20, lambda v: [any_of(x) for x in v]),
    "additionalProperties": (21, within(1, schema2)), "type": (22, within(1, text)), "items": (23, within(1, schema2)), "properties": (25, named(schema2))}, 31)
body2 = message(lambda: {"name": (2, text), "in": (3, text), "required": (4, flag), "schema": (5, schema2)}, 6)
query2 = message(lambda: {"required": (1, flag), "in": (2, text), "name": (4, text), "type": (6, text), "uniqueItems": (20, flag)}, 23)
path2 = message(lambda: {"required": (1, flag), "in": (2, text), "name": (4, text), "type": (5, text), "uniqueItems": (19, flag)}, 22)


def param2(v):
    if v["in"] == "body":
        return within(1, within(1, body2))(v)
    return within(1, within(2, within(3, query2) if v["in"] == "query" else within(4, path2)))(v)


response2 = message(lambda: {"description": (1, text), "schema": (2, within(1, schema2))}, 5)
operation2 = message(lambda: {"tags": (1, texts), "operationId": (5, text), "produces": (6, texts), "consumes": (7, texts), "parameters": (8, repeated(param2)),
                              "responses": (9, named(within(1, response2))), "schemes": (10, texts)}, 13)
item2 = message(lambda: {"get": (2, operation2), "put": (3, operation2), "post": (4, operation2), "delete": (5, operation2), "options": (6, operation2),
                         "head": (7, operation2), "patch": (8, operation2), "parameters": (9, repeated(param2))}, 10)
key2 = message(lambda: {"type": (1, text), "name": (2, text), "in": (3, text), "description": (4, text)}, 5)
document2 = message(lambda: {
    "swagger": (1, text), "info": (2, message(lambda: {"title": (1, text), "version": (2, text)}, 7)), "paths": (8, named(item2, 2)),
    "definitions": (9, named(schema2)), "security": (12, repeated(named(within(1, texts)))), "securityDefinitions": (13, named(within(2, key2)))}, 16)


# ---- version 3 ----

def default3(v):
    """Objects cannot be said in it."""
    if isinstance(v, bool):
        return [put(2, v)]
    if isinstance(v, str):
        return [put(3, v.encode())]
    if isinstance(v, (int, float)):
        return [varint(1 << 3 | 1) + struct.pack("<d", v)]
    return []


reference3 = message(lambda: {"$ref": (1, text)}, 0)
schema3_own = message(lambda: {
    "required": (23, texts), "uniqueItems": (20, flag), "enum": (24, lambda v: [any_of(x) for x in v]), "type": (25, text), "allOf": (26, repeated(schema3)),
    "oneOf": (27, repeated(schema3)), "items": (30, within(1, schema3)), "properties": (31, named(schema3)), "additionalProperties": (32, within(1, schema3)),
    "default": (33, default3), "format": (35, text)}, 36)
schema3 = either(within(2, reference3), within(1, schema3_own))
param3 = within(1, message(lambda: {"name": (1, text), "in": (2, text), "required": (4, flag), "schema": (10, schema3)}, 14))
content3 = named(message(lambda: {"schema": (1, schema3)}, 5))
request3 = within(1, message(lambda: {"content": (2, content3), "required": (3, flag)}, 4))
response3 = within(1, message(lambda: {"description": (1, text), "content": (3, content3)}, 5))
operation3 = message(lambda: {"tags": (1, texts), "operationId": (5, text), "parameters": (6, repeated(param3)), "requestBody": (7, request3),
                              "responses": (8, named(response3, 2))}, 13)
item3 = message(lambda: {"get": (4, operation3), "put": (5, operation3), "post": (6, operation3), "delete": (7, operation3), "options": (8, operation3),
                         "head": (9, operation3), "patch": (10, operation3), "parameters": (13, repeated(param3))}, 14)
scheme3 = within(1, message(lambda: {"type": (1, text), "description": (2, text), "name": (3, text), "in": (4, text)}, 9))
components3 = message(lambda: {"schemas": (1, named(schema3)), "securitySchemes": (7, named(scheme3))}, 10)
document3 = message(lambda: {"openapi": (1, text), "info": (2, message(lambda: {"title": (1, text), "version": (6, text)}, 7)), "paths": (4, named(item3)),
                             "components": (5, components3)}, 9)


def v2(doc):
    return document2(doc)[0]


def v3(doc):
    return document3(doc)[0]
