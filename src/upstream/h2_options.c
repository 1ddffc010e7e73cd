/* h2_options.c: compiles Http2ProtocolOptions; defaults as Envoy documents them. */
#include "upstream/h2_options.h"

#include "api/message.h"

#include "envoy/config/core/v3/protocol.pb-c.h"


#define DEFAULT_JITTER  15u                     /* percent */


static uint32_t
u32_or(const Google__Protobuf__UInt32Value *v, uint32_t otherwise)
{
    return v ? v->value : otherwise;
}


static void
compile_keepalive(nc_h2_options_t *o, const Envoy__Config__Core__V3__KeepaliveSettings *k)
{
    if (k == NULL) {
        return;
    }

    o->ping_interval_ms = nc_duration_ms(k->interval, 0);
    o->ping_timeout_ms = nc_duration_ms(k->timeout, 0);
    o->ping_idle_ms = nc_duration_ms(k->connection_idle_interval, 0);
    o->ping_jitter_percent = k->interval_jitter ? (uint32_t) k->interval_jitter->value
                                                : DEFAULT_JITTER;
}


void
nc_h2_options_compile(nc_h2_options_t *o,
    const Envoy__Config__Core__V3__Http2ProtocolOptions *m)
{
    *o = (nc_h2_options_t) {
        .hpack_table_size = u32_or(m->hpack_table_size, 4096),
        .max_concurrent_streams = u32_or(m->max_concurrent_streams, 1024),
        .stream_window = u32_or(m->initial_stream_window_size, 16u << 20),
        .connection_window = u32_or(m->initial_connection_window_size, 24u << 20),
        .allow_connect = m->allow_connect,
        .max_outbound_frames = u32_or(m->max_outbound_frames, 10000),
        .max_outbound_control_frames = u32_or(m->max_outbound_control_frames, 1000),
        .max_empty_frames = u32_or(m->max_consecutive_inbound_frames_with_empty_payload, 1),
        .max_priority_frames = u32_or(m->max_inbound_priority_frames_per_stream, 100),
        .max_window_updates = u32_or(m->max_inbound_window_update_frames_per_data_frame_sent, 10),
        .stream_errors_set = m->override_stream_error_on_invalid_http_message != NULL,
        .stream_errors = m->override_stream_error_on_invalid_http_message
                         && m->override_stream_error_on_invalid_http_message->value
    };

    compile_keepalive(o, m->connection_keepalive);

    for (size_t i = 0; i < m->n_custom_settings_parameters && i < NC_H2_CUSTOM_MAX; i++) {
        o->custom[i].id = (uint16_t) m->custom_settings_parameters[i]->identifier->value;
        o->custom[i].value = m->custom_settings_parameters[i]->value->value;
        o->n_custom++;
    }
}
