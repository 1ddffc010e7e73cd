nc_module_name=envoy.filters.network.rbac
nc_module_kind=network
nc_module_symbol=nc_network_rbac_module
nc_module_srcs="rbac.c rules.c"
