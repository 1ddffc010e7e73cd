# The rules of the build, included by the Makefile that configure writes.
#
#   make -f objs/Makefile [all | unit | e2e | fuzz | install | clean]
#
# Run from the top of the tree. New .c and .proto files are found by themselves; a new or changed
# module.sh runs configure again.
#
#   T=base/str            only the unit tests whose path contains this
#   FLOORS="base os"      only these folders of src/, and no modules: for work on a low floor
#   V=1                   print the commands

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '%-5s %s\n'
endif

# Shell words as lines; none as none.
lines = (for word in $(1); do echo $$word; done)

.PHONY: all unit unit-build e2e fuzz fuzz-build install clean

all: $(OBJS)/nuncio $(MODULE_SO)


# Configure again when it, or a module, has changed.

ALL_MODULE_FILES := $(sort $(wildcard modules/*/*/module.sh))
KNOWN_MODULE_FILES := $(OBJS)/module-files

ifneq ($(shell $(call lines,$(ALL_MODULE_FILES)) | cmp -s - $(KNOWN_MODULE_FILES) && echo same),same)
.PHONY: $(KNOWN_MODULE_FILES)
endif

$(KNOWN_MODULE_FILES):
	$(Q)$(call lines,$(ALL_MODULE_FILES)) > $@

$(OBJS)/Makefile: configure $(filter-out auto/rules.mk auto/setup auto/README,$(wildcard auto/* auto/lib/*)) \
	$(wildcard $(MODULE_FILES)) $(KNOWN_MODULE_FILES)
	$(CONFIGURE)


# The schema. Its C code goes to $(OBJS)/gen and is included as "envoy/.../x.pb-c.h".

find = $(patsubst ./%,%,$(shell find $(1) -name '$(2)' 2> /dev/null | LC_ALL=C sort))

PROTOS := $(call find,src/api,*.proto)
WKT := $(addprefix google/protobuf/,$(addsuffix .proto, \
	$(sort any duration empty struct timestamp wrappers \
	$(shell cat $(PROTOS) /dev/null | sed -n 's|^import  *"google/protobuf/\(.*\)\.proto".*|\1|p'))))

GEN_SRCS := $(PROTOS:src/api/%.proto=$(OBJS)/gen/%.pb-c.c) $(WKT:%.proto=$(OBJS)/gen/%.pb-c.c)
GEN_HDRS := $(GEN_SRCS:.c=.h)

# May add to GEN_SRCS and GEN_HDRS, with rules for what it adds.
-include src/api/gen.mk

$(OBJS)/gen/%.pb-c.c $(OBJS)/gen/%.pb-c.h: src/api/%.proto
	@mkdir -p $(dir $(OBJS)/gen/$*)
	$(say) GEN $<
	$(Q)$(PROTOC_C) -Isrc/api -I$(WKT_DIR) --c_out=$(OBJS)/gen \
		--dependency_out=$(OBJS)/gen/$*.d $<

$(OBJS)/gen/google/protobuf/%.pb-c.c $(OBJS)/gen/google/protobuf/%.pb-c.h: \
		$(WKT_DIR)/google/protobuf/%.proto
	@mkdir -p $(OBJS)/gen
	$(say) GEN $*.proto
	$(Q)$(PROTOC_C) -I$(WKT_DIR) --c_out=$(OBJS)/gen $<


# Sources.

ifdef FLOORS
FLOOR_DIRS := $(addprefix src/,$(FLOORS))
IN_MODULES :=
else
FLOOR_DIRS := src hot_restart
IN_MODULES := $(MODULE_OBJS) $(OBJS)/nc_modules.o
endif

MAIN := src/process/main.c
SRCS := $(filter-out $(MAIN),$(call find,$(FLOOR_DIRS),*.c))
OBJ_FILES := $(SRCS:%.c=$(OBJS)/%.o) $(GEN_SRCS:.c=.o) $(IN_MODULES)
MAIN_OBJ := $(MAIN:%.c=$(OBJS)/%.o)

INCLUDES := -I$(OBJS) -I$(OBJS)/gen -Isrc -I.

ALL_CFLAGS += $(INCLUDES)

define compile
	@mkdir -p $(dir $@)
	$(say) CC $<
	$(Q)$(CC) $(ALL_CFLAGS) $(WARNINGS) -MMD -MP -c -o $@ $<
endef

$(OBJS)/%.o: %.c $(OBJS)/flags | $(GEN_HDRS)
	$(compile)

$(OBJS)/nc_modules.o: $(OBJS)/nc_modules.c $(OBJS)/flags | $(GEN_HDRS)
	$(compile)

# Generated code is compiled as it comes: our warnings are about our code.
$(OBJS)/gen/%.o: $(OBJS)/gen/%.c $(OBJS)/flags | $(GEN_HDRS)
	$(say) CC gen/$*.c
	$(Q)$(CC) $(ALL_CFLAGS) -w -MMD -MP -c -o $@ $<


# The program, and the archive that unit tests and fuzzers link. The program takes the objects
# themselves, so that every function is there for dynamic modules.

# Written again when the list of objects changes, so that a removed source leaves the archive.
OBJ_LIST := $(OBJS)/objects$(if $(FLOORS),.floors)

ifneq ($(shell printf '%s\n' $(OBJ_FILES) | cmp -s - $(OBJ_LIST) && echo same),same)
.PHONY: $(OBJ_LIST)
endif

$(OBJ_LIST):
	$(Q)printf '%s\n' $(OBJ_FILES) > $@

ARCHIVE := $(OBJS)/libnuncio$(if $(FLOORS),-floors).a

$(ARCHIVE): $(OBJ_FILES) $(OBJ_LIST)
	$(say) AR $@
	@rm -f $@
	$(Q)ar rcs $@ @$(OBJ_LIST)

$(OBJS)/nuncio: $(MAIN_OBJ) $(ARCHIVE)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $(MAIN_OBJ) @$(OBJ_LIST) $(LIBS)


# Unit tests: each t/unit/**/test_x.c is one program.

TEST_SRCS := $(call find,t/unit,test_*.c)
ifdef T
TEST_SRCS := $(foreach s,$(TEST_SRCS),$(if $(findstring $(T),$(s) $(subst /test_,/,$(s))),$(s)))
endif
TESTS := $(TEST_SRCS:%.c=$(OBJS)/%)

# Other .c files under t/unit are help for the tests and are linked with each.
TEST_FLAGS := -DNC_TEST=1 -It/unit
TEST_HELP := $(filter-out $(call find,t/unit,test_*.c),$(call find,t/unit,*.c))
TEST_HELP_LIB := $(if $(TEST_HELP),$(OBJS)/t/unit/libhelp.a)

$(OBJS)/t/unit/libhelp.a: $(TEST_HELP:%.c=$(OBJS)/%.o)
	$(Q)rm -f $@ && ar rcs $@ $^

$(TEST_HELP:%.c=$(OBJS)/%.o): private WARNINGS += $(TEST_FLAGS)

$(TESTS): $(OBJS)/t/unit/%: t/unit/%.c $(ARCHIVE) $(TEST_HELP_LIB) $(OBJS)/flags
	@mkdir -p $(dir $@)
	$(say) TEST $<
	$(Q)$(CC) $(ALL_CFLAGS) $(WARNINGS) $(TEST_FLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< \
		$(TEST_HELP_LIB) $(ARCHIVE) $(CHECK_LIBS) $(LIBS)

unit-build: $(TESTS)

unit: $(ARCHIVE)
ifeq ($(strip $(CHECK_LIBS)),)
	@echo "unit tests need Check: apt-get install check (Debian), dnf install check-devel (Fedora);" \
		"then run ./configure again" >&2
	@false
else
	$(Q)$(MAKE) --no-print-directory -f $(OBJS)/Makefile unit-build
	$(Q)t/run-unit $(OBJS) $(TESTS)
endif

e2e: all
	$(Q)t/run-e2e $(OBJS)


# Fuzzers: each t/fuzz/fuzz_x.c is one program; the build folder is configured --with-fuzz.

FUZZ_SRCS := $(call find,t/fuzz,fuzz_*.c)
ifdef T
FUZZ_SRCS := $(foreach s,$(FUZZ_SRCS),$(if $(findstring $(T),$(s)),$(s)))
endif
FUZZERS := $(FUZZ_SRCS:%.c=$(OBJS)/%)

$(FUZZERS): $(OBJS)/t/fuzz/%: t/fuzz/%.c $(ARCHIVE) $(OBJS)/flags
	@mkdir -p $(dir $@)
	$(say) FUZZ $<
	$(Q)$(CC) $(ALL_CFLAGS) $(WARNINGS) -Wno-missing-prototypes -fsanitize=fuzzer \
		-MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(ARCHIVE) $(LIBS)

fuzz-build: $(FUZZERS)

fuzz: $(ARCHIVE)
ifneq ($(FUZZ),yes)
	@echo "$(OBJS) is not configured --with-fuzz; \"make fuzz\" at the top does all of it" >&2
	@false
else
	$(Q)$(MAKE) --no-print-directory -f $(OBJS)/Makefile fuzz-build
	$(Q)t/run-fuzz $(OBJS) $(FUZZERS)
endif


# Installation. A configuration file that is already there is kept.

in_prefix = $(DESTDIR)$(if $(filter /%,$(1)),$(1),$(PREFIX)/$(1))

install: all
	install -d $(dir $(call in_prefix,$(SBIN_PATH)))
	install -m 755 $(OBJS)/nuncio $(call in_prefix,$(SBIN_PATH))
	install -d $(dir $(call in_prefix,$(CONF_PATH)))
	install -m 644 conf/nuncio.yaml $(call in_prefix,$(CONF_PATH)).default
	test -f $(call in_prefix,$(CONF_PATH)) || \
		install -m 644 conf/nuncio.yaml $(call in_prefix,$(CONF_PATH))
	install -d $(call in_prefix,$(HTML_PATH))
	install -m 644 $(wildcard html/*.*) $(call in_prefix,$(HTML_PATH))
	install -d $(call in_prefix,$(MAN_PATH))/man8
	install -m 644 man/nuncio.8 $(call in_prefix,$(MAN_PATH))/man8/nuncio.8
	install -d $(dir $(call in_prefix,$(PID_PATH)))
	install -d $(dir $(call in_prefix,$(ERROR_LOG_PATH)))
	install -d -m 700 $(call in_prefix,$(STATE_PATH))
	install -d $(call in_prefix,$(MODULES_PATH))
	$(if $(MODULE_SO),install -m 755 $(MODULE_SO) $(call in_prefix,$(MODULES_PATH)))

clean:
	rm -rf $(OBJS)/nuncio $(OBJS)/*.a $(OBJS)/*.o $(OBJS)/*.d $(OBJS)/objects* $(OBJS)/src \
		$(OBJS)/hot_restart $(OBJS)/modules $(OBJS)/addon $(OBJS)/gen $(OBJS)/t


-include $(patsubst %.o,%.d,$(filter-out $(OBJS)/gen/%,$(OBJ_FILES)) $(MAIN_OBJ) $(TEST_HELP:%.c=$(OBJS)/%.o))
-include $(GEN_SRCS:.c=.d) $(PROTOS:src/api/%.proto=$(OBJS)/gen/%.d) $(addsuffix .d,$(TESTS) $(FUZZERS))
