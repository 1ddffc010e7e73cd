nc_module_name=envoy.filters.http.router
nc_module_kind=http
nc_module_symbol=nc_http_router_module
nc_module_srcs="router.c try.c timeouts.c retry.c shadow.c redirect.c reply.c"
