# Makes nc_envoy_names (see schema.h) from envoy_names.txt:
#
#   awk -f envoy_names.awk envoy_names.txt > envoy_names.c
#
# A line is the full name of a message or enum and the names of its fields or values, in order of
# the full names.

BEGIN {
    print "/* Written by envoy_names.awk. */"
    print "#include \"api/schema.h\"\n"
    print "const nc_envoy_name_t  nc_envoy_names[] = {"
}

/^#/ || NF == 0 {
    next
}

{
    if ($1 <= last) {
        printf "%s:%d: not in order: %s\n", FILENAME, FNR, $1 > "/dev/stderr"
        exit 1
    }
    last = $1
    printf "    { \"%s\", \"", $1
    for (i = 2; i <= NF; i++) {
        printf "%s%s", (i > 2 ? " " : ""), $i
    }
    print "\" },"
}

END {
    print "};\n"
    print "const size_t  nc_envoy_names_n = NC_COUNTOF(nc_envoy_names);"
}
