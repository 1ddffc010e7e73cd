# Tables made of the schema: types and rules (nc_schema), names that Envoy knows (nc_envoy_names).

API_TABLES := $(OBJS)/gen/api/schema.c $(OBJS)/gen/api/envoy_names.c
API_WKT := $(WKT:%=$(WKT_DIR)/%)

GEN_SRCS += $(API_TABLES)

# A list of files, so that a schema file that is removed is noticed.
API_LIST := $(OBJS)/gen/api/protos

ifneq ($(shell printf '%s\n' $(PROTOS) $(API_WKT) | cmp -s - $(API_LIST) && echo same),same)
.PHONY: $(API_LIST)
endif

$(API_LIST):
	@mkdir -p $(dir $@)
	$(Q)printf '%s\n' $(PROTOS) $(API_WKT) > $@

$(OBJS)/gen/api/schema.c: src/api/schema.awk $(API_LIST) $(PROTOS)
	@mkdir -p $(dir $@)
	$(say) GEN api/schema.c
	$(Q)LC_ALL=C awk -f src/api/schema.awk $(PROTOS) $(API_WKT) > $@

$(OBJS)/gen/api/envoy_names.c: src/api/envoy_names.awk src/api/envoy_names.txt
	@mkdir -p $(dir $@)
	$(say) GEN api/envoy_names.c
	$(Q)LC_ALL=C awk -f src/api/envoy_names.awk src/api/envoy_names.txt > $@
