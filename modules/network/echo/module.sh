nc_module_name=envoy.filters.network.echo
nc_module_kind=network
nc_module_symbol=nc_network_echo_module
nc_module_srcs="echo.c"
