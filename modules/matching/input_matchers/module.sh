nc_module_name="envoy.matching.matchers.ip"
nc_module_kind=matching
nc_module_symbol="nc_matcher_ip_module nc_matcher_metadata_module nc_matcher_fraction_module \
nc_matcher_hashing_module"
nc_module_srcs="input_matchers.c"
