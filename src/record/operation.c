#include "record/operation.h"

#include "record/fields.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define FIELD(type, member) WKV_FIELD(type, struct wkv_op, member)

/* The fields of each code, in their order; `flag` 0: always, else where the operation has that flag. */
static const struct {
    uint8_t code, flag;
    struct wkv_field field;
} rows[] = {
    {WKV_OP_REQUEST, 0, FIELD(U8, row)},
    {WKV_OP_REQUEST, 0, FIELD(U8, encoding)},
    {WKV_OP_REQUEST, 0, FIELD(U32, keyspace)},
    {WKV_OP_REQUEST, WKV_OP_ROOM, FIELD(U32, room)},
    {WKV_OP_REQUEST, WKV_OP_ROOM, FIELD(U32, max_key)},
    {WKV_OP_REQUEST, WKV_OP_ROOM, FIELD(U32, max_value)},
    {WKV_OP_REQUEST, WKV_OP_KEYED, FIELD(16, id)},
    {WKV_OP_REQUEST, WKV_OP_KEYED, FIELD(16, payload)},
    {WKV_OP_REQUEST, WKV_OP_KEYED, FIELD(U32, window_ms)},
    {WKV_OP_REQUEST, 0, FIELD(TEXT, request)},
    {WKV_OP_BIND, 0, FIELD(TEXT, actor)},
    {WKV_OP_BIND, WKV_OP_SPACE, FIELD(TEXT, space)},
    {WKV_OP_BIND, WKV_OP_HOST, FIELD(32, host)},
    {WKV_OP_BIND, 0, FIELD(32, issuer)},
    {WKV_OP_BIND, 0, FIELD(I64, not_before_s)},
    {WKV_OP_BIND, 0, FIELD(I64, expires_s)},
    {WKV_OP_UNBIND, 0, FIELD(TEXT, actor)},
    {WKV_OP_NOTE, 0, FIELD(32, host)},
    {WKV_OP_NOTE, 0, FIELD(16, id)},
    {WKV_OP_NOTE, 0, FIELD(I64, until_s)},
};

/* The flags that an operation may have. */
static uint8_t flags_of(enum wkv_op_code code)
{
    switch (code) {
    case WKV_OP_REQUEST:
        return WKV_OP_NOTED | WKV_OP_ROOM | WKV_OP_KEYED;
    case WKV_OP_BIND:
        return WKV_OP_NOTED | WKV_OP_IF_NEW | WKV_OP_SIGNED | WKV_OP_HOST | WKV_OP_SPACE;
    case WKV_OP_UNBIND:
        return WKV_OP_NOTED;
    default:
        return 0;
    }
}

static bool is_code(uint8_t code)
{
    return code == WKV_OP_REQUEST || (code >= WKV_OP_BIND && code <= WKV_OP_NOTE);
}

static bool has(const struct wkv_op *op, size_t row)
{
    return rows[row].code == op->code && (rows[row].flag == 0 || (op->flags & rows[row].flag) != 0);
}

bool wkv_op_read(struct wkv_bytes *bytes, struct wkv_op *op)
{
    uint8_t code = (uint8_t)wkv_bytes_fixed(bytes, 1);
    *op = (struct wkv_op){.code = (enum wkv_op_code)code, .flags = (uint8_t)wkv_bytes_fixed(bytes, 1)};
    bytes->bad |= !is_code(code) || (op->flags & ~flags_of(op->code)) != 0;
    for (size_t i = 0; i < COUNT_OF(rows) && !bytes->bad; i++)
        if (has(op, i))
            wkv_bytes_field(bytes, &rows[i].field, op);
    return !bytes->bad;
}

void wkv_op_write(const struct wkv_op *op, struct wkv_buffer *buffer)
{
    wkv_put_fixed(buffer, op->code, 1);
    wkv_put_fixed(buffer, op->flags, 1);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (has(op, i))
            wkv_put_field(buffer, &rows[i].field, op);
}

bool wkv_ops_are_sound(struct wkv_text body, uint32_t count)
{
    struct wkv_bytes bytes = wkv_bytes_in(body);
    struct wkv_op op;
    for (uint32_t i = 0; i < count; i++)
        if (!wkv_op_read(&bytes, &op))
            return false;
    return wkv_bytes_ended(&bytes);
}
