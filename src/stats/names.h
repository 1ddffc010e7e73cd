/*
 * names.h: Envoy's stat names by scope, as groups. A name stands here when something counts it.
 * Source: facts of Envoy's stat macros; the prefix of each group stands above it.
 */
#ifndef NC_STATS_NAMES_H
#define NC_STATS_NAMES_H

#include "stats/stats.h"

/* listener.<address or stat_prefix>. and listener.admin. */
#define NC_LISTENER_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(downstream_cx_destroy)  \
    COUNTER(downstream_cx_overflow)  \
    COUNTER(downstream_cx_total)  \
    COUNTER(downstream_cx_transport_socket_connect_timeout)  \
    COUNTER(downstream_global_cx_overflow)  \
    COUNTER(downstream_listener_filter_error)  \
    COUNTER(downstream_listener_filter_remote_close)  \
    COUNTER(downstream_pre_cx_timeout)  \
    COUNTER(no_filter_chain_match)  \
    GAUGE(downstream_cx_active)  \
    GAUGE(downstream_pre_cx_active)  \
    HISTOGRAM(connections_accepted_per_socket_event, NC_UNIT_NONE)  \
    HISTOGRAM(downstream_cx_length_ms, NC_UNIT_MS)

/* listener.<address>.worker_<i>. */
#define NC_LISTENER_WORKER_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(downstream_cx_total)  \
    GAUGE(downstream_cx_active)

/* listener.<address>.http.<stat_prefix>. */
#define NC_LISTENER_HTTP_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(downstream_rq_1xx)  \
    COUNTER(downstream_rq_2xx)  \
    COUNTER(downstream_rq_3xx)  \
    COUNTER(downstream_rq_4xx)  \
    COUNTER(downstream_rq_5xx)  \
    COUNTER(downstream_rq_completed)

/* http.<stat_prefix>. */
#define NC_HCM_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(downstream_cx_delayed_close_timeout)  \
    COUNTER(downstream_cx_destroy)  \
    COUNTER(downstream_cx_destroy_active_rq)  \
    COUNTER(downstream_cx_destroy_local)  \
    COUNTER(downstream_cx_destroy_local_active_rq)  \
    COUNTER(downstream_cx_destroy_remote)  \
    COUNTER(downstream_cx_destroy_remote_active_rq)  \
    COUNTER(downstream_cx_drain_close)  \
    COUNTER(downstream_cx_http1_total)  \
    COUNTER(downstream_cx_http2_total)  \
    COUNTER(downstream_cx_idle_timeout)  \
    COUNTER(downstream_cx_max_duration_reached)  \
    COUNTER(downstream_cx_max_requests_reached)  \
    COUNTER(downstream_cx_protocol_error)  \
    COUNTER(downstream_cx_rx_bytes_total)  \
    COUNTER(downstream_cx_total)  \
    COUNTER(downstream_cx_tx_bytes_total)  \
    COUNTER(downstream_cx_upgrades_total)  \
    COUNTER(downstream_flow_control_paused_reading_total)  \
    COUNTER(downstream_flow_control_resumed_reading_total)  \
    COUNTER(downstream_rq_1xx)  \
    COUNTER(downstream_rq_2xx)  \
    COUNTER(downstream_rq_3xx)  \
    COUNTER(downstream_rq_4xx)  \
    COUNTER(downstream_rq_5xx)  \
    COUNTER(downstream_rq_completed)  \
    COUNTER(downstream_rq_failed_path_normalization)  \
    COUNTER(downstream_rq_header_timeout)  \
    COUNTER(downstream_rq_http1_total)  \
    COUNTER(downstream_rq_http2_total)  \
    COUNTER(downstream_rq_idle_timeout)  \
    COUNTER(downstream_rq_max_duration_reached)  \
    COUNTER(downstream_rq_non_relative_path)  \
    COUNTER(downstream_rq_redirected_with_normalized_path)  \
    COUNTER(downstream_rq_rejected_via_ip_detection)  \
    COUNTER(downstream_rq_response_before_rq_complete)  \
    COUNTER(downstream_rq_rx_reset)  \
    COUNTER(downstream_rq_timeout)  \
    COUNTER(downstream_rq_too_large)  \
    COUNTER(downstream_rq_too_many_premature_resets)  \
    COUNTER(downstream_rq_total)  \
    COUNTER(downstream_rq_tx_reset)  \
    COUNTER(downstream_rq_ws_on_non_ws_route)  \
    COUNTER(rs_too_large)  \
    GAUGE(downstream_cx_active)  \
    GAUGE(downstream_cx_http1_active)  \
    GAUGE(downstream_cx_http1_soft_drain)  \
    GAUGE(downstream_cx_http2_active)  \
    GAUGE(downstream_cx_rx_bytes_buffered)  \
    GAUGE(downstream_cx_tx_bytes_buffered)  \
    GAUGE(downstream_cx_upgrades_active)  \
    GAUGE(downstream_rq_active)  \
    HISTOGRAM(downstream_cx_length_ms, NC_UNIT_MS)  \
    HISTOGRAM(downstream_rq_time, NC_UNIT_MS)

/* http.<stat_prefix>. */
#define NC_ROUTER_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(no_cluster)  \
    COUNTER(no_route)  \
    COUNTER(passthrough_internal_redirect_bad_location)  \
    COUNTER(passthrough_internal_redirect_no_route)  \
    COUNTER(passthrough_internal_redirect_predicate)  \
    COUNTER(passthrough_internal_redirect_too_many_redirects)  \
    COUNTER(passthrough_internal_redirect_unsafe_scheme)  \
    COUNTER(rq_direct_response)  \
    COUNTER(rq_redirect)  \
    COUNTER(rq_reset_after_downstream_response_started)  \
    COUNTER(rq_total)

/* http1. (downstream, the root) and cluster.<name>.http1. (upstream) */
#define NC_HTTP1_CODEC_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(dropped_headers_with_underscores)  \
    COUNTER(requests_rejected_with_underscores_in_headers)  \
    COUNTER(response_flood)

/* http2. (downstream, the root) and cluster.<name>.http2. (upstream) */
#define NC_HTTP2_CODEC_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(goaway_sent)  \
    COUNTER(header_overflow)  \
    COUNTER(inbound_empty_frames_flood)  \
    COUNTER(inbound_priority_frames_flood)  \
    COUNTER(inbound_window_update_frames_flood)  \
    COUNTER(keepalive_timeout)  \
    COUNTER(outbound_control_flood)  \
    COUNTER(outbound_flood)  \
    COUNTER(rx_messaging_error)  \
    COUNTER(rx_reset)  \
    COUNTER(stream_refused_errors)  \
    COUNTER(trailers)  \
    COUNTER(tx_flush_timeout)  \
    COUNTER(tx_reset)  \
    GAUGE(streams_active)

/* cluster.<name>.; beside it nc_stats_codes for "cluster.<name>.upstream_rq" */
#define NC_CLUSTER_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(bind_errors)  \
    COUNTER(retry_or_shadow_abandoned)  \
    COUNTER(upstream_cx_close_notify)  \
    COUNTER(upstream_cx_connect_attempts_exceeded)  \
    COUNTER(upstream_cx_connect_fail)  \
    COUNTER(upstream_cx_connect_timeout)  \
    COUNTER(upstream_cx_destroy)  \
    COUNTER(upstream_cx_destroy_local)  \
    COUNTER(upstream_cx_destroy_local_with_active_rq)  \
    COUNTER(upstream_cx_destroy_remote)  \
    COUNTER(upstream_cx_destroy_remote_with_active_rq)  \
    COUNTER(upstream_cx_destroy_with_active_rq)  \
    COUNTER(upstream_cx_http1_total)  \
    COUNTER(upstream_cx_http2_total)  \
    COUNTER(upstream_cx_idle_timeout)  \
    COUNTER(upstream_cx_max_duration_reached)  \
    COUNTER(upstream_cx_max_requests)  \
    COUNTER(upstream_cx_none_healthy)  \
    COUNTER(upstream_cx_overflow)  \
    COUNTER(upstream_cx_protocol_error)  \
    COUNTER(upstream_cx_rx_bytes_total)  \
    COUNTER(upstream_cx_total)  \
    COUNTER(upstream_cx_tx_bytes_total)  \
    COUNTER(upstream_flow_control_backed_up_total)  \
    COUNTER(upstream_flow_control_drained_total)  \
    COUNTER(upstream_flow_control_paused_reading_total)  \
    COUNTER(upstream_flow_control_resumed_reading_total)  \
    COUNTER(upstream_internal_redirect_failed_total)  \
    COUNTER(upstream_internal_redirect_succeeded_total)  \
    COUNTER(upstream_rq_cancelled)  \
    COUNTER(upstream_rq_completed)  \
    COUNTER(upstream_rq_maintenance_mode)  \
    COUNTER(upstream_rq_max_duration_reached)  \
    COUNTER(upstream_rq_pending_failure_eject)  \
    COUNTER(upstream_rq_pending_overflow)  \
    COUNTER(upstream_rq_pending_total)  \
    COUNTER(upstream_rq_per_try_idle_timeout)  \
    COUNTER(upstream_rq_per_try_timeout)  \
    COUNTER(upstream_rq_retry)  \
    COUNTER(upstream_rq_retry_backoff_exponential)  \
    COUNTER(upstream_rq_retry_backoff_ratelimited)  \
    COUNTER(upstream_rq_retry_limit_exceeded)  \
    COUNTER(upstream_rq_retry_overflow)  \
    COUNTER(upstream_rq_retry_success)  \
    COUNTER(upstream_rq_rx_reset)  \
    COUNTER(upstream_rq_timeout)  \
    COUNTER(upstream_rq_total)  \
    COUNTER(upstream_rq_tx_reset)  \
    GAUGE(upstream_cx_active)  \
    GAUGE(upstream_cx_rx_bytes_buffered)  \
    GAUGE(upstream_cx_tx_bytes_buffered)  \
    GAUGE(upstream_rq_active)  \
    GAUGE(upstream_rq_pending_active)  \
    HISTOGRAM(upstream_cx_connect_ms, NC_UNIT_MS)  \
    HISTOGRAM(upstream_cx_length_ms, NC_UNIT_MS)  \
    HISTOGRAM(upstream_rq_per_cx, NC_UNIT_NONE)  \
    HISTOGRAM(upstream_rq_time, NC_UNIT_MS)

/* cluster.<name>., written by the helper: hosts and updates of the host list */
#define NC_CLUSTER_MEMBERSHIP_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(membership_change)  \
    COUNTER(update_attempt)  \
    COUNTER(update_empty)  \
    COUNTER(update_failure)  \
    COUNTER(update_no_rebuild)  \
    COUNTER(update_success)  \
    GAUGE(max_host_weight)  \
    GAUGE(membership_degraded)  \
    GAUGE(membership_excluded)  \
    GAUGE(membership_healthy)  \
    GAUGE(membership_total)

/* cluster.<name>. */
#define NC_CLUSTER_LB_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(lb_healthy_panic)

/* cluster.<name>.circuit_breakers.<default|high>. */
#define NC_CIRCUIT_BREAKER_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    GAUGE(cx_open)  \
    GAUGE(remaining_cx)  \
    GAUGE(remaining_pending)  \
    GAUGE(remaining_retries)  \
    GAUGE(remaining_rq)  \
    GAUGE(rq_open)  \
    GAUGE(rq_pending_open)  \
    GAUGE(rq_retry_open)

/* server. */
#define NC_SERVER_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(debug_assertion_failures)  \
    COUNTER(dynamic_unknown_fields)  \
    COUNTER(envoy_bug_failures)  \
    COUNTER(static_unknown_fields)  \
    GAUGE(concurrency)  \
    GAUGE(days_until_first_cert_expiring)  \
    GAUGE(hot_restart_epoch)  \
    GAUGE(live)  \
    GAUGE(memory_allocated)  \
    GAUGE(memory_heap_size)  \
    GAUGE(memory_physical_size)  \
    GAUGE(parent_connections)  \
    GAUGE(state)  \
    GAUGE(total_connections)  \
    GAUGE(uptime)  \
    GAUGE(version)  \
    HISTOGRAM(initialization_time_ms, NC_UNIT_MS)

/* listener_manager. */
#define NC_LISTENER_MANAGER_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(listener_added)  \
    COUNTER(listener_create_failure)  \
    COUNTER(listener_create_success)  \
    COUNTER(listener_in_place_updated)  \
    COUNTER(listener_modified)  \
    COUNTER(listener_removed)  \
    COUNTER(listener_stopped)  \
    GAUGE(total_filter_chains_draining)  \
    GAUGE(total_listeners_active)  \
    GAUGE(total_listeners_draining)  \
    GAUGE(total_listeners_warming)  \
    GAUGE(workers_started)

/* cluster_manager. */
#define NC_CLUSTER_MANAGER_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(cluster_added)  \
    COUNTER(cluster_modified)  \
    COUNTER(cluster_removed)  \
    COUNTER(cluster_updated)  \
    GAUGE(active_clusters)  \
    GAUGE(warming_clusters)

/* filesystem. */
#define NC_FILESYSTEM_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(flushed_by_timer)  \
    COUNTER(reopen_failed)  \
    COUNTER(write_buffered)  \
    COUNTER(write_completed)  \
    COUNTER(write_failed)  \
    GAUGE(write_total_buffered)

/* vhost.<virtual host>.route.<stat_prefix>. and vhost.<virtual host>.vcluster.<name>. */
#define NC_ROUTE_STATS(COUNTER, GAUGE, HISTOGRAM)  \
    COUNTER(upstream_rq_retry)  \
    COUNTER(upstream_rq_retry_limit_exceeded)  \
    COUNTER(upstream_rq_retry_overflow)  \
    COUNTER(upstream_rq_retry_success)  \
    COUNTER(upstream_rq_timeout)  \
    COUNTER(upstream_rq_total)

NC_STATS_STRUCT(nc_listener_stats, NC_LISTENER_STATS)
NC_STATS_STRUCT(nc_listener_worker_stats, NC_LISTENER_WORKER_STATS)
NC_STATS_STRUCT(nc_listener_http_stats, NC_LISTENER_HTTP_STATS)
NC_STATS_STRUCT(nc_hcm_stats, NC_HCM_STATS)
NC_STATS_STRUCT(nc_router_stats, NC_ROUTER_STATS)
NC_STATS_STRUCT(nc_http1_codec_stats, NC_HTTP1_CODEC_STATS)
NC_STATS_STRUCT(nc_http2_codec_stats, NC_HTTP2_CODEC_STATS)
NC_STATS_STRUCT(nc_cluster_stats, NC_CLUSTER_STATS)
NC_STATS_STRUCT(nc_cluster_membership_stats, NC_CLUSTER_MEMBERSHIP_STATS)
NC_STATS_STRUCT(nc_cluster_lb_stats, NC_CLUSTER_LB_STATS)
NC_STATS_STRUCT(nc_circuit_breaker_stats, NC_CIRCUIT_BREAKER_STATS)
NC_STATS_STRUCT(nc_server_stats, NC_SERVER_STATS)
NC_STATS_STRUCT(nc_listener_manager_stats, NC_LISTENER_MANAGER_STATS)
NC_STATS_STRUCT(nc_cluster_manager_stats, NC_CLUSTER_MANAGER_STATS)
NC_STATS_STRUCT(nc_filesystem_stats, NC_FILESYSTEM_STATS)
NC_STATS_STRUCT(nc_route_stats, NC_ROUTE_STATS)

#endif
