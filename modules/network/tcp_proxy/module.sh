nc_module_name=envoy.filters.network.tcp_proxy
nc_module_kind=network
nc_module_symbol=nc_network_tcp_proxy_module
nc_module_srcs="tcp_proxy.c compile.c relay.c log.c"
