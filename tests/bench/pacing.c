/* The least that keeping a rate costs: a loop that sends when requests are due, reads answers and does nothing else.
 *
 * One kernel timer, one epoll, 64 connections; wake-ups to send are at least a grain apart, as trafficgen's are. No
 * answer is parsed, nothing is measured. Usage: pacing PORT RATE SECONDS GRAIN_NS; prints how many were answered.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 64
#define SECOND 1000000000LL

static long long now_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * SECOND + at.tv_nsec;
}

static void watch(int epoll, int fd, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

int main(int count, char **given) {
    if (count != 5) return 2;
    double rate = atof(given[2]);
    long long grain = atoll(given[4]), requests = (long long)(rate * atof(given[3]));
    int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), idle[CONNECTIONS], free_count = 0;
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(atoi(given[1]))};
    inet_aton("127.0.0.1", &server.sin_addr);
    watch(epoll, timer, EPOLLIN | EPOLLET);
    for (int n = 0; n < CONNECTIONS; n++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&server, sizeof server)) return 1;
        fcntl(fd, F_SETFL, O_NONBLOCK);
        watch(epoll, fd, EPOLLIN);
        idle[free_count++] = fd;
    }
    static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: pacing\r\nAccept: */*\r\n\r\n";
    static char answer[65536];
    long long start = now_ns() + SECOND / 100, next = start, set = 0, sent = 0, answered = 0;
    while (answered < requests) {
        long long now = now_ns();
        if (sent < requests && now >= next) {
            for (; sent < requests && free_count && start + (long long)(sent * 1e9 / rate) <= now; sent++)
                if (write(idle[--free_count], request, sizeof request - 1) < 0) return 1;
            next = start + (long long)(sent * 1e9 / rate);
            if (next < now + grain) next = now + grain;
            continue;
        }
        if (sent < requests && set != next) {
            set = next;
            struct itimerspec at = {{0, 0}, {next / SECOND, next % SECOND}};
            timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
        }
        struct epoll_event ready[32];
        int found = epoll_wait(epoll, ready, 32, -1);
        for (int n = 0; n < found; n++)
            if (ready[n].data.fd != timer && read(ready[n].data.fd, answer, sizeof answer) > 0) {
                idle[free_count++] = ready[n].data.fd;
                answered++;
            }
    }
    printf("%lld\n", answered);
    return 0;
}
