/* h2_options.c: compiles Http2ProtocolOptions; defaults as Envoy documents them. */
#include "upstream/h2_options.h"

#include "envoy/config/core/v3/protocol.pb-c.h"


static uint32_t
u32_or(const Google__Protobuf__UInt32Value *v, uint32_t otherwise)
{
    return v ? v->value : otherwise;
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
        .max_window_updates = u32_or(m->max_inbound_window_update_frames_per_data_frame_sent, 10)
    };
}
