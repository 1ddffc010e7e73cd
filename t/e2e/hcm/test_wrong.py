"""What is refused when the configuration is read."""
import pytest

from hcm.cases import bootstrap, extension
from lib import conf, proxy

XFF = "extensions.http.original_ip_detection.xff.v3.XffConfig"
EARLY = "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
DETECT = [extension("xff", XFF)]


def mapper(**kw):
    return {"local_reply_config": {"mappers": [kw]}}


def log(filter_):
    return {"access_log": [{**conf.file_log("/dev/null"), "filter": filter_}]}


WRONG = [
    ({"use_remote_address": True, "original_ip_detection_extensions": DETECT},
     "original_ip_detection_extensions: cannot be set together"),
    ({"xff_num_trusted_hops": 1, "original_ip_detection_extensions": DETECT},
     "original_ip_detection_extensions: cannot be set together"),
    ({"original_ip_detection_extensions": [extension("x", XFF, xff_num_trusted_hops=1,
                                                     xff_trusted_cidrs={"cidrs": []})]},
     "xff_trusted_cidrs: cannot be set together"),
    ({"internal_address_config": {"cidr_ranges": [{"address_prefix": "local"}]}},
     "'local' is not an IP address"),
    ({"internal_address_config": {"cidr_ranges": [{"address_prefix": "::", "prefix_len": 129}]}},
     "prefix_len"),
    ({"early_header_mutation_extensions": [extension("e", EARLY)]}, "mutations"),
    ({"early_header_mutation_extensions": [extension("e", EARLY, mutations=[
        {"append": {"header": {"key": ":path", "value": "/"}}}])]}, "may not be modified"),
    ({"access_log_options": {}, "flush_access_log_on_new_request": True},
     "access_log_options: cannot be set together"),
    ({"access_log_options": {"access_log_flush_interval": "0s"}}, "access_log_flush_interval"),
    ({"scheme_header_transformation": {"scheme_to_overwrite": "ftp"}}, "scheme_to_overwrite"),
    ({"strip_any_host_port": True, "strip_matching_host_port": True}, "strip_matching_host_port"),
    ({"forward_client_cert_details": "SOMETIMES"}, "forward_client_cert_details"),
    ({"request_id_extension": {"typed_config": {
        "@type": conf.T + XFF}}}, "request_id"),
    (mapper(status_code=503), "filter"),
    (mapper(filter={"not_health_check_filter": {}}, status_code=600), "status_code"),
    (mapper(filter={"not_health_check_filter": {}}, body_format_override={
        "text_format_source": {"inline_string": "%NO_SUCH%"}}), "NO_SUCH"),
    (log({}), "filter"),
    (log({"and_filter": {"filters": [{"not_health_check_filter": {}}]}}), "filters"),
    (log({"response_flag_filter": {"flags": ["XX"]}}), "flags"),
    (log({"status_code_filter": {}}), "comparison"),
    (log({"header_filter": {"header": {"name": "x", "safe_regex_match": {"regex": "("}}}}),
     "regex"),
    (log({"runtime_filter": {}}), "runtime_key"),
]


@pytest.mark.parametrize("fields,want", WRONG)
def test_a_wrong_connection_manager_is_refused(tmp_path, fields, want):
    n = proxy.Nuncio(tmp_path, bootstrap(1, {"main": fields}))
    r = n.command("-t")
    assert r.returncode == 1
    assert want in r.stdout + r.stderr
