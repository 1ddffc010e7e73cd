/* dns_server.c: answers one question per packet; just enough of RFC 1035. */
#include "upstream/dns_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TYPE_A      1
#define TYPE_AAAA   28
#define HEAD        12


static size_t
read_name(const unsigned char *q, size_t len, char *name, size_t room)
{
    size_t  at = HEAD, n = 0;

    while (at < len && q[at] && n + q[at] + 2 < room) {
        if (n) {
            name[n++] = '.';
        }

        memcpy(name + n, &q[at + 1], q[at]);
        n += q[at];
        at += q[at] + 1u;
    }

    name[n] = '\0';

    return at + 1;
}


static size_t
add_address(unsigned char *out, int type, const char *text, uint32_t ttl)
{
    size_t    len = type == TYPE_A ? 4 : 16;
    uint32_t  t = htonl(ttl);

    out[0] = 0xc0;                              /* the name of the question */
    out[1] = HEAD;
    out[2] = 0;
    out[3] = (unsigned char) type;
    out[4] = 0;
    out[5] = 1;
    memcpy(&out[6], &t, 4);
    out[10] = 0;
    out[11] = (unsigned char) len;
    inet_pton(type == TYPE_A ? AF_INET : AF_INET6, text, &out[12]);

    return 12 + len;
}


/* The answer in `out`; 0: none. */
static size_t
answer(dns_server_t *s, const unsigned char *q, size_t len, bool tcp, unsigned char *out)
{
    char           name[256];
    size_t         end = read_name(q, len, name, sizeof(name));
    int            type;
    dns_record_t  *r = NULL;
    size_t         n, count = 0;

    if (len < HEAD + 5 || end + 4 > len) {
        return 0;
    }

    type = q[end] << 8 | q[end + 1];
    n = end + 4;
    memcpy(out, q, n);
    memset(&out[6], 0, 6);
    out[2] = 0x85;
    out[3] = 0x80 | 3;

    for (size_t i = 0; i < NC_COUNTOF(s->records); i++) {
        if (s->records[i].name[0] && strcasecmp(s->records[i].name, name) == 0) {
            r = &s->records[i];
        }
    }

    if (r == NULL) {
        return n;
    }

    __atomic_fetch_add(&r->asked, 1, __ATOMIC_RELAXED);

    if (r->silent) {
        return 0;
    }

    out[3] = (unsigned char) (0x80 | r->rcode);

    if (r->truncate && !tcp) {
        out[2] |= 2;
        return n;
    }

    for (size_t i = 0; i < 4 && r->rcode == 0; i++) {
        const char  *text = type == TYPE_A ? r->v4[i] : type == TYPE_AAAA ? r->v6[i] : "";

        if (text[0]) {
            n += add_address(&out[n], type, text, r->ttl);
            count++;
        }
    }

    out[7] = (unsigned char) count;

    return n;
}


static void
serve_tcp(dns_server_t *s, int listener)
{
    unsigned char  in[600], out[1200];
    int            fd = accept(listener, NULL, NULL);
    ssize_t        n = recv(fd, in, 2, MSG_WAITALL);
    size_t         len = n == 2 ? (size_t) (in[0] << 8 | in[1]) : 0;

    if (len && len <= sizeof(in) && recv(fd, in, len, MSG_WAITALL) == (ssize_t) len) {
        len = answer(s, in, len, true, out + 2);
        out[0] = (unsigned char) (len >> 8);
        out[1] = (unsigned char) len;
        (void) !write(fd, out, len + 2);
    }

    close(fd);
}


static void
serve(dns_server_t *s, int udp, int tcp)
{
    struct pollfd  fds[2] = { { .fd = udp, .events = POLLIN }, { .fd = tcp, .events = POLLIN } };

    prctl(PR_SET_PDEATHSIG, SIGKILL);

    for ( ;; ) {
        unsigned char       in[600], out[1200];
        struct sockaddr_in  from;
        socklen_t           from_len = sizeof(from);

        poll(fds, 2, -1);

        if (fds[1].revents) {
            serve_tcp(s, tcp);
        }

        if (fds[0].revents) {
            ssize_t  n = recvfrom(udp, in, sizeof(in), 0, (struct sockaddr *) &from, &from_len);
            size_t   len = n > 0 ? answer(s, in, (size_t) n, false, out) : 0;

            if (len) {
                sendto(udp, out, len, 0, (struct sockaddr *) &from, from_len);
            }
        }
    }
}


dns_server_t *
dns_server_start(void)
{
    struct sockaddr_in   sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t            len = sizeof(sin);
    int                  udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int                  tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    dns_server_t        *s;
    pid_t                pid;

    s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NC_CHECK(s != MAP_FAILED && udp >= 0 && tcp >= 0);

    do {                                        /* until both have the same port */
        close(tcp);
        close(udp);
        udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sin.sin_port = 0;
        NC_CHECK(bind(udp, (struct sockaddr *) &sin, len) == 0);
        NC_CHECK(getsockname(udp, (struct sockaddr *) &sin, &len) == 0);
    } while (bind(tcp, (struct sockaddr *) &sin, len) != 0);

    NC_CHECK(listen(tcp, 5) == 0);
    s->port = ntohs(sin.sin_port);
    snprintf(s->servers, sizeof(s->servers), "127.0.0.1:%u", s->port);

    pid = fork();                               /* both write the memory: only one says who it is */
    NC_CHECK(pid >= 0);

    if (pid == 0) {
        serve(s, udp, tcp);
    }

    s->pid = pid;

    close(udp);
    close(tcp);

    return s;
}


void
dns_server_stop(dns_server_t *s)
{
    NC_CHECK(s->pid > 0);
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    munmap(s, sizeof(*s));
}
