/* Messages: what is built is read back; everything else is refused with a reason. */
#include "process/messages.c"

#include <check.h>

static char         packet[NC_MSG_MAX];
static nc_msg_t     m;
static const char  *why;


START_TEST(what_is_built_is_read_back)
{
    nc_msg_answer_t  body = { .seq = 7, .ok = 1, .key = 9, .addr_len = 16 };
    size_t           n = nc_msg_build(packet, NC_MSG_ANSWER, &body, NC_STR("some text"));

    ck_assert_int_eq(nc_msg_parse(&m, NC_ROLE_MASTER, packet, n, 0, &why), NC_OK);
    ck_assert_int_eq(m.type, NC_MSG_ANSWER);
    ck_assert_uint_eq(m.body.answer.key, 9);
    ck_assert_uint_eq(m.body.answer.seq, 7);
    ck_assert(nc_str_eq(m.text, NC_STR("some text")));
    ck_assert_int_eq(m.fd, -1);
}
END_TEST


START_TEST(every_type_of_the_table_can_be_said_by_its_sender_only)
{
    for (int type = NC_MSG_NONE + 1; type < NC_MSG_TYPE_MAX; type++) {
        const message_type_t  *t = &types[type];
        size_t                 n = nc_msg_build(packet, (nc_msg_type_t) type, NULL, NC_STR_NULL);

        for (int role = NC_ROLE_MASTER; role <= NC_ROLE_CONTROL; role++) {
            nc_rc_t  rc = nc_msg_parse(&m, (nc_role_t) role, packet, n, t->n_fds, &why);

            ck_assert_int_eq(rc, (t->from & NC_BIT(role)) ? NC_OK : NC_ERROR);
        }

        ck_assert_str_ne(nc_msg_str((nc_msg_type_t) type), "?");
    }
}
END_TEST


START_TEST(a_packet_of_any_other_length_is_refused)
{
    nc_msg_key_t  body = { .key = 1 };
    size_t        n = nc_msg_build(packet, NC_MSG_UNLISTEN, &body, NC_STR_NULL);

    for (size_t len = 0; len < n + 8; len++) {
        ck_assert_int_eq(nc_msg_parse(&m, NC_ROLE_HELPER, packet, len, 0, &why),
            len == n ? NC_OK : NC_ERROR);
    }
}
END_TEST


START_TEST(another_version_an_unknown_type_and_strange_descriptors_are_refused)
{
    size_t         n = nc_msg_build(packet, NC_MSG_HELLO, NULL, NC_STR_NULL);
    nc_msg_head_t  head;

    ck_assert_int_eq(nc_msg_parse(&m, NC_ROLE_WORKER, packet, n, 1, &why), NC_ERROR);
    ck_assert_str_eq(why, "with the wrong number of descriptors");

    memcpy(&head, packet, sizeof(head));
    head.version++;
    memcpy(packet, &head, sizeof(head));
    ck_assert_int_eq(nc_msg_parse(&m, NC_ROLE_WORKER, packet, n, 0, &why), NC_ERROR);
    ck_assert_str_eq(why, "of another version");

    head.version--;
    head.type = NC_MSG_TYPE_MAX;
    memcpy(packet, &head, sizeof(head));
    ck_assert_int_eq(nc_msg_parse(&m, NC_ROLE_WORKER, packet, n, 0, &why), NC_ERROR);
    ck_assert_str_eq(why, "of an unknown type");
}
END_TEST


START_TEST(a_text_that_is_too_long_is_cut)
{
    static char  text[NC_MSG_MAX * 2];
    size_t       n;

    memset(text, 'x', sizeof(text));
    n = nc_msg_build(packet, NC_MSG_RELOAD_DONE, NULL, nc_str(text, sizeof(text)));
    ck_assert_uint_eq(n, NC_MSG_MAX);
    ck_assert_int_eq(nc_msg_parse(&m, NC_ROLE_HELPER, packet, n, 0, &why), NC_OK);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("process/messages");
    TCase    *tc = tcase_create("messages");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_test(tc, what_is_built_is_read_back);
    tcase_add_test(tc, every_type_of_the_table_can_be_said_by_its_sender_only);
    tcase_add_test(tc, a_packet_of_any_other_length_is_refused);
    tcase_add_test(tc, another_version_an_unknown_type_and_strange_descriptors_are_refused);
    tcase_add_test(tc, a_text_that_is_too_long_is_cut);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
