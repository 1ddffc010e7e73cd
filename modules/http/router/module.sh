nc_module_name=envoy.filters.http.router
nc_module_kind=http
nc_module_symbol=nc_http_router_module
nc_module_srcs="router.c retry.c reply.c"
