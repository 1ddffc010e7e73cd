nc_module_name=envoy.filters.http.grpc_web
nc_module_kind=http
nc_module_symbol=nc_http_grpc_web_module
nc_module_srcs="grpc_web.c"
