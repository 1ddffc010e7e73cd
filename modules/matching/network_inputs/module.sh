nc_module_name="envoy.matching.inputs.source_ip"
nc_module_kind=matching
nc_module_symbol="nc_input_destination_ip_module \
nc_input_destination_port_module \
nc_input_source_ip_module \
nc_input_source_port_module \
nc_input_direct_source_ip_module \
nc_input_source_type_module \
nc_input_server_name_module \
nc_input_transport_protocol_module \
nc_input_application_protocol_module \
nc_input_filter_state_module \
nc_input_dynamic_metadata_module \
nc_input_uri_san_module \
nc_input_dns_san_module \
nc_input_subject_module \
nc_input_environment_module"
nc_module_srcs="network_inputs.c"
