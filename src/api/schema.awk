# Makes the table of message types and of their rules (nc_schema, see schema.h) from .proto files:
#
#   awk -f schema.awk a.proto b.proto ... > schema.c
#
# A rule is a comment //@ behind a field, or on a line of its own before it (several add up); behind
# the opening of a oneof there may be `//@ required`. The files are ours, so one declaration stands
# on one line and its brace at the end of it.

function fail(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text > "/dev/stderr"
    failed = 1
    exit 1
}

# The way protobuf-c spells names: HttpFilter -> http_filter, a.B -> a__b.
function c_name(full,    n, i, j, part, out, c, was_upper) {
    n = split(full, part, ".")
    out = ""
    for (i = 1; i <= n; i++) {
        if (i > 1) {
            out = out "__"
        }
        was_upper = 1
        for (j = 1; j <= length(part[i]); j++) {
            c = substr(part[i], j, 1)
            if (c ~ /[A-Z]/) {
                if (!was_upper) {
                    out = out "_"
                }
                out = out tolower(c)
                was_upper = 1
            } else {
                out = out c
                was_upper = 0
            }
        }
    }
    return out
}

function c_string(s) {
    gsub(/\\/, "\\\\", s)
    gsub(/"/, "\\\"", s)
    return "\"" s "\""
}

# Nanoseconds of a duration such as 0.001s.
function nanoseconds(s,    sign, dot, whole, part) {
    if (s !~ /^-?[0-9]+(\.[0-9]+)?s$/) {
        fail("not a duration: " s)
    }
    sub(/s$/, "", s)
    sign = ""
    if (s ~ /^-/) {
        sign = "-"
        s = substr(s, 2)
    }
    dot = index(s, ".")
    whole = dot ? substr(s, 1, dot - 1) : s
    part = dot ? substr(s, dot + 1) : ""
    while (length(part) < 9) {
        part = part "0"
    }
    whole = whole part
    sub(/^0+/, "", whole)
    return sign (whole == "" ? "0" : whole)
}

# One row of nc_rule_t.
function row(name, number, scope, op, num, real, text) {
    rows[scope] = rows[scope] sprintf("    { %s, NC_RULE_%s, NC_RULE_%s, %s, %s, %s },\n", \
        number, scope, op, num, real, text)
    n_rules[name]++
}

# Ends the rows of a field: those of one scope stand together.
function flush_rows(name) {
    rules[name] = rules[name] rows["SELF"] rows["ITEMS"] rows["KEYS"] rows["VALUES"]
    rows["SELF"] = rows["ITEMS"] = rows["KEYS"] = rows["VALUES"] = ""
}

# A rule `key=value` within `kind` (string, uint32, repeated, ...) at `scope`.
function rule(name, number, scope, kind, key, value,    op, list, n, i) {
    op = toupper(key)
    if (kind == "duration" && op ~ /^(GT|GTE|LT|LTE)$/) {
        row(name, number, scope, op, "INT64_C(" nanoseconds(value) ")", "0", "NULL")
    } else if ((kind == "double" || kind == "float") && op ~ /^(GT|GTE|LT|LTE)$/) {
        row(name, number, scope, op, "0", value, "NULL")
    } else if (op == "IN" || op == "NOT_IN") {
        sub(/^\[/, "", value)
        sub(/\]$/, "", value)
        gsub(/"/, "", value)
        gsub(/,/, "\n", value)
        list = c_string(value)
        gsub(/\n/, "\\n", list)
        row(name, number, scope, op, "0", "0", list)
    } else if (op ~ /^(PATTERN|PREFIX|SUFFIX|CONTAINS|NOT_CONTAINS)$/) {
        row(name, number, scope, op, "0", "0", c_string(value))
    } else if (op == "WELL_KNOWN_REGEX") {
        row(name, number, scope, value, "0", "0", "NULL")
    } else if (op == "CONST" && kind == "bool") {
        row(name, number, scope, op, value == "true" ? 1 : 0, "0", "NULL")
    } else if (value == "false") {
        if (op == "STRICT") {
            row(name, number, scope, "LOOSE", "0", "0", "NULL")
        }
    } else if (value == "true") {
        if (op != "STRICT") {
            row(name, number, scope, op, "0", "0", "NULL")
        }
    } else if (value ~ /^-?[0-9]+$/) {
        row(name, number, scope, op, "INT64_C(" value ")", "0", "NULL")
    } else {
        fail("cannot read the rule " key "=" value)
    }
}

# All rules of a field: kind{key=value ... items{kind{...}}}
function parse_rules(name, number, s,    depth, kind, scope, word, value, c) {
    depth = 0
    scope = "SELF"
    while (s != "") {
        if (s ~ /^[ \t]/) {
            s = substr(s, 2)
        } else if (match(s, /^[a-z_0-9]+\{/)) {
            word = substr(s, 1, RLENGTH - 1)
            s = substr(s, RLENGTH + 1)
            depth++
            scopes[depth] = scope
            kinds[depth] = kind
            if (word == "items" || word == "keys" || word == "values") {
                scope = toupper(word)
            } else {
                kind = word
            }
        } else if (s ~ /^\}/) {
            scope = scopes[depth]
            kind = kinds[depth]
            depth--
            s = substr(s, 2)
        } else if (match(s, /^[a-z_0-9]+=/)) {
            word = substr(s, 1, RLENGTH - 1)
            s = substr(s, RLENGTH + 1)
            value = ""
            if (s ~ /^"/) {
                s = substr(s, 2)
                while ((c = substr(s, 1, 1)) != "\"") {
                    if (c == "") {
                        fail("a text without end in a rule")
                    }
                    if (c == "\\" && substr(s, 2, 1) == "\"") {
                        s = substr(s, 2)
                        c = "\""
                    }
                    value = value c
                    s = substr(s, 2)
                }
                s = substr(s, 2)
            } else if (match(s, /^\[[^]]*\]/) || match(s, /^[^ }]+/)) {
                value = substr(s, 1, RLENGTH)
                s = substr(s, RLENGTH + 1)
            }
            rule(name, number, scope, kind, word, value)
        } else {
            fail("cannot read the rule at: " s)
        }
    }
    if (depth != 0) {
        fail("braces do not match in a rule")
    }
}

FNR == 1 {
    depth = 0
    pending = ""
    file = FILENAME
    sub(/^.*src\/api\//, "", file)
    sub(/^.*\/google\/protobuf\//, "google/protobuf/", file)
    sub(/\.proto$/, ".pb-c.h", file)
    includes = includes "#include \"" file "\"\n"
}

{
    line = $0
    note = ""
    at = index(line, "//")
    if (at) {
        if (substr(line, at, 3) == "//@") {
            note = substr(line, at + 3)
            gsub(/^[ \t]+|[ \t]+$/, "", note)
        }
        line = substr(line, 1, at - 1)
    }
    gsub(/^[ \t]+|[ \t]+$/, "", line)
}

line == "" {
    if (note != "") {
        pending = pending (pending == "" ? "" : " ") note
    }
    next
}

line ~ /^package / {
    package = line
    sub(/^package +/, "", package)
    sub(/ *;.*/, "", package)
    next
}

line ~ /^message .*\{$/ {
    split(line, words, /[ {]+/)
    depth++
    stack[depth] = "message"
    scope_name[depth] = (depth > 1 ? scope_name[depth - 1] : package) "." words[2]
    names[++n_names] = scope_name[depth]
    pending = ""
    next
}

line ~ /^oneof .*\{$/ {
    split(line, words, /[ {]+/)
    depth++
    stack[depth] = "oneof"
    scope_name[depth] = scope_name[depth - 1]
    oneof_name = words[2]
    oneof_required = (note == "required")
    if (note != "" && !oneof_required) {
        fail("a oneof can only be required")
    }
    next
}

line ~ /\{$/ {
    depth++
    stack[depth] = "other"
    scope_name[depth] = scope_name[depth - 1]
    next
}

line ~ /^\}/ {
    depth--
    next
}

# A field.
line ~ /= *[0-9]+.*;$/ && depth > 0 && stack[depth] != "other" {
    number = line
    if (!match(number, /= *[0-9]+ *(\[.*\])? *;$/)) {
        fail("cannot read the field")
    }
    number = substr(number, RSTART + 1)
    sub(/^ */, "", number)
    sub(/[^0-9].*/, "", number)
    if (note != "") {
        pending = pending (pending == "" ? "" : " ") note
    }
    if (stack[depth] == "oneof" && oneof_required) {
        row(scope_name[depth], number, "SELF", "ONEOF", "0", "0", "\"" oneof_name "\"")
        oneof_required = 0
    }
    if (pending != "") {
        parse_rules(scope_name[depth], number, pending)
    }
    if (n_rules[scope_name[depth]] > 0) {
        flush_rows(scope_name[depth])
    }
    pending = ""
}

END {
    if (failed) {
        exit 1
    }

    # Insertion sort: a few hundred names.
    for (i = 2; i <= n_names; i++) {
        x = names[i]
        for (j = i - 1; j >= 1 && names[j] > x; j--) {
            names[j + 1] = names[j]
        }
        names[j + 1] = x
    }

    print "/* Written by schema.awk from the .proto files. */"
    print "#include \"api/schema.h\"\n"
    print includes

    for (i = 1; i <= n_names; i++) {
        if (names[i] in rules) {
            printf "static const nc_rule_t  %s__rules[] = {\n%s};\n\n", \
                c_name(names[i]), rules[names[i]]
        }
    }

    print "const nc_schema_t  nc_schema[] = {"
    for (i = 1; i <= n_names; i++) {
        if (names[i] in rules) {
            printf "    { &%s__descriptor, %s__rules, %d },\n", \
                c_name(names[i]), c_name(names[i]), n_rules[names[i]]
        } else {
            printf "    { &%s__descriptor, NULL, 0 },\n", c_name(names[i])
        }
    }
    print "};\n"
    print "const size_t  nc_schema_n = NC_COUNTOF(nc_schema);"
}
