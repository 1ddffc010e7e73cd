/* probe.c - how fast is this CPU right now?  Each line on stdin is answered by one number: ns of CPU time
 * per round of a fixed piece of work shaped like a proxy's (1 KiB over a loopback TCP connection: send, recv,
 * and a walk over 16 KiB of memory).  Median of 7 batches, about 25 ms in all.
 * The harness asks before and after each turn; a host that slows the CPU down (busy sibling hyperthread,
 * shared cache, frequency) shows up here, and the turn's figures are scaled or the turn is repeated. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
static int cmp(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return (x > y) - (x < y); }
static double now(void) { struct timespec t; clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); return t.tv_sec * 1e9 + t.tv_nsec; }
int main(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }; socklen_t l = sizeof a; int on = 1;
    int s = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), d;
    if (bind(s, (void *)&a, sizeof a) || listen(s, 1) || getsockname(s, (void *)&a, &l) || connect(c, (void *)&a, sizeof a) || (d = accept(s, NULL, NULL)) < 0) return perror("probe"), 1;
    setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    static char b[1024], m[16384]; volatile unsigned sum = 0; char line[16];
    while (read(0, line, sizeof line) > 0) {
        double v[7];
        for (int i = 0; i < 7; i++) {
            double t = now();
            for (int k = 0; k < 400; k++) {
                if (send(c, b, sizeof b, 0) < 0 || recv(d, b, sizeof b, 0) < 0) return 1;
                for (unsigned j = 0; j < sizeof m; j += 16) { m[j]++; sum += m[j ^ 64]; }
            }
            v[i] = (now() - t) / 400;
        }
        qsort(v, 7, sizeof *v, cmp);
        printf("%.1f\n", v[3]); fflush(stdout);
    }
    return 0;
}
