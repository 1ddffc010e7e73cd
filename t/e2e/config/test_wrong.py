"""Every wrong file of wrong.txt is refused with exactly the lines that stand there."""
import os
import re

import pytest

from config.table import records

RECORDS = records()


def refused(binary, tmp_path, data):
    path = str(tmp_path / ("wrong.json" if data.startswith(b"{") else "wrong.yaml"))
    with open(path, "wb") as f:
        f.write(data)
    r = binary("-p", tmp_path, "-t", "-c", path)
    lines = (r.stdout + r.stderr).splitlines()
    said = [x[len(path) + 1:].lstrip().replace(path, "@@file") for x in lines
            if x.startswith(path + ":")]
    return r.returncode, said, lines


@pytest.mark.parametrize("name,data,want", RECORDS,
                         ids=[re.sub(r"\W+", "-", r[0]) for r in RECORDS])
def test_a_wrong_file_is_refused_with_place_field_and_reason(binary, tmp_path, name, data, want):
    rc, got, lines = refused(binary, tmp_path, data)
    assert rc == 1, lines
    assert got == want


def test_the_table_is_as_large_as_promised():
    assert len(RECORDS) >= 60
    assert len({r[0] for r in RECORDS}) == len(RECORDS)


def test_a_file_that_cannot_be_read_is_named(binary, tmp_path):
    r = binary("-p", tmp_path, "-t", "-c", tmp_path)
    assert r.returncode == 1
    assert str(tmp_path) in r.stdout + r.stderr


def test_a_hundred_errors_are_all_shown_or_counted(binary, tmp_path):
    data = "static_resources:\n  clusters:\n" + "  - {name: c, typ: x}\n" * 30
    rc, got, lines = refused(binary, tmp_path, data.encode())
    assert rc == 1
    assert len([x for x in got if "typ: " in x]) >= 20


@pytest.mark.parametrize("data", [
    b"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
    b"c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
    b"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
    b"g: [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n",
    b"[" * 100000, b"{a: " * 50000, b"- " * 50000, b"{" * 5000 + b"}" * 5000,
    b"\xff\xfe\x00\x01", b"\x00" * 1000, os.urandom(2000),
    b"node: {id: '" + b"a" * 3000000 + b"'}x",
], ids=["laughs", "brackets", "mappings", "dashes", "braces", "utf-16", "nuls", "noise", "long"])
def test_hostile_files_are_refused_in_bounded_time_and_space(binary, tmp_path, data):
    rc, got, lines = refused(binary, tmp_path, data)
    assert rc == 1
    assert sum(map(len, lines)) < 100000
