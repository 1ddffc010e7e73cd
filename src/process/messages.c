/* messages.c: the table of messages.h as data: building and checking packets. */
#include "process/messages.h"

typedef struct {
    const char  *name;
    size_t       body_len;
    bool         text;
    unsigned     n_fds;
    unsigned     from;
} message_type_t;

static const message_type_t  types[NC_MSG_TYPE_MAX] = {
#define X(name, body, text, n_fds, from)  \
    [NC_MSG_##name] = { #name, sizeof(body), text, n_fds, from },
    NC_MESSAGES(X)
#undef X
};


const char *
nc_msg_str(nc_msg_type_t type)
{
    return (type > NC_MSG_NONE && type < NC_MSG_TYPE_MAX) ? types[type].name : "?";
}


nc_rc_t
nc_msg_parse(nc_msg_t *m, nc_role_t role, const void *packet, size_t len, unsigned n_fds,
    const char **why)
{
    const message_type_t  *t;
    nc_msg_head_t          head;

    if (len < sizeof(head)) {
        *why = "shorter than its header";

        return NC_ERROR;
    }

    memcpy(&head, packet, sizeof(head));

    if (head.version != NC_MSG_VERSION) {
        *why = "of another version";

        return NC_ERROR;
    }

    if (head.type <= NC_MSG_NONE || head.type >= NC_MSG_TYPE_MAX) {
        *why = "of an unknown type";

        return NC_ERROR;
    }

    t = &types[head.type];

    if (!(t->from & NC_BIT(role))) {
        *why = "not its sender's to say";

        return NC_ERROR;
    }

    if (head.len != len || len < sizeof(head) + t->body_len
        || (!t->text && len != sizeof(head) + t->body_len))
    {
        *why = "of the wrong length";

        return NC_ERROR;
    }

    if (n_fds != t->n_fds) {
        *why = "with the wrong number of descriptors";

        return NC_ERROR;
    }

    m->type = (nc_msg_type_t) head.type;
    m->fd = -1;
    memset(&m->body, 0, sizeof(m->body));
    memcpy(&m->body, (const char *) packet + sizeof(head), t->body_len);
    m->text = nc_str((const char *) packet + sizeof(head) + t->body_len,
        len - sizeof(head) - t->body_len);

    return NC_OK;
}


size_t
nc_msg_build(void *packet, nc_msg_type_t type, const void *body, nc_str_t text)
{
    const message_type_t  *t = &types[type];
    nc_msg_head_t          head = { .version = NC_MSG_VERSION, .type = (uint16_t) type };
    char                  *p = packet;
    size_t                 room = NC_MSG_MAX - sizeof(head) - t->body_len;

    NC_CHECK(type > NC_MSG_NONE && type < NC_MSG_TYPE_MAX);
    NC_CHECK(t->text || text.len == 0);
    text.len = NC_MIN(text.len, room);
    head.len = (uint32_t) (sizeof(head) + t->body_len + text.len);
    memcpy(p, &head, sizeof(head));
    p += sizeof(head);

    if (body) {
        memcpy(p, body, t->body_len);
    } else {
        memset(p, 0, t->body_len);
    }

    if (text.len) {
        memcpy(p + t->body_len, text.data, text.len);
    }

    return head.len;
}
