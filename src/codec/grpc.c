/* grpc.c: see grpc.h. */
#include "codec/grpc.h"


static uint32_t
length_of(const uint8_t *head)
{
    return (uint32_t) head[1] << 24 | (uint32_t) head[2] << 16 | (uint32_t) head[3] << 8 | head[4];
}


static void
count_slice(nc_grpc_counter_t *c, const uint8_t *p, size_t n)
{
    while (n > 0) {
        size_t  part;

        if (c->left > 0) {
            part = NC_MIN((size_t) c->left, n);
            c->left -= (uint32_t) part;

        } else {
            part = NC_MIN((size_t) NC_GRPC_FRAME_HEADER - c->n_head, n);
            memcpy(c->head + c->n_head, p, part);
            c->n_head += (uint8_t) part;

            if (c->n_head == NC_GRPC_FRAME_HEADER) {
                c->n_head = 0;
                c->messages++;
                c->left = length_of(c->head);
            }
        }

        p += part;
        n -= part;
    }
}


void
nc_grpc_count(nc_grpc_counter_t *c, const nc_buf_t *data)
{
    for (uint32_t i = 0; i < data->n; i++) {
        const nc_slice_t  *s = nc_buf_at(data, i);

        count_slice(c, (const uint8_t *) s->at, s->len);
    }
}


void
nc_grpc_frame_header(nc_buf_t *out, uint8_t flags, uint32_t len)
{
    uint8_t  head[NC_GRPC_FRAME_HEADER] = {
        flags, (uint8_t) (len >> 24), (uint8_t) (len >> 16), (uint8_t) (len >> 8), (uint8_t) len
    };

    nc_buf_add(out, head, sizeof(head));
}


nc_rc_t
nc_grpc_next(nc_buf_t *in, nc_buf_t *message, uint8_t *flags, uint32_t max)
{
    uint8_t   head[NC_GRPC_FRAME_HEADER];
    uint32_t  len;

    if (in->len < sizeof(head)) {
        return NC_AGAIN;
    }

    nc_buf_copy(in, head, sizeof(head));
    len = length_of(head);

    if (len > max) {
        return NC_ERROR;
    }

    if (in->len - sizeof(head) < len) {
        return NC_AGAIN;
    }

    *flags = head[0];
    nc_buf_drain(in, sizeof(head));
    nc_buf_move(message, in, len);

    return NC_OK;
}
