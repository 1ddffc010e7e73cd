nc_module_name=envoy.filters.http.buffer
nc_module_kind=http
nc_module_symbol=nc_http_buffer_module
nc_module_srcs="buffer.c"
