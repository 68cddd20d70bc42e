/* A long line between two network namespaces, for kernels without netem.
 *
 *   emulator NET_A NET_B DEVICE MTU MICROSECONDS MBIT_PER_S LOSS_PER_MILLION QUEUE_BYTES
 *
 * Carries IP packets between the TUN devices of that name in both namespaces (paths of /proc). Each
 * direction has a rate, a queue before it that drops what does not fit, a delay, and independent
 * random loss. Prints "ready" and runs until its standard input closes; then it prints the packets
 * that were carried, lost, and dropped by the queue.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Packets under way in one direction, and the longest of them. */
#define SLOTS (1u << 15)
#define LONGEST 1536
/* Packets read from one device before the other has its turn. */
#define TURN 64
/* Packets that leave within so many nanoseconds leave together: each sleep costs processor time. */
#define TOGETHER 100000ull

struct packet {
    uint64_t leaves;
    uint32_t length;
    uint8_t bytes[LONGEST];
};

struct direction {
    int from, to;
    struct packet *packets;
    uint32_t first, next;
    uint64_t free_at; /* The line has sent all that is queued. */
    uint64_t carried, lost, dropped;
};

static uint64_t state;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

/* xorshift64* (Vigna, 2016). */
static uint32_t random32(void) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545f4914f6cdd1dull) >> 32);
}

static int attach(const char *namespace, const char *device) {
    int net = open(namespace, O_RDONLY | O_CLOEXEC);
    if (net < 0 || setns(net, CLONE_NEWNET)) fail(namespace);
    close(net);
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun < 0) fail("/dev/net/tun");
    struct ifreq request;
    memset(&request, 0, sizeof request);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    strncpy(request.ifr_name, device, IFNAMSIZ - 1);
    if (ioctl(tun, TUNSETIFF, &request)) fail(device);
    return tun;
}

int main(int count, char **args) {
    if (count != 9) {
        fprintf(stderr, "see the first lines of emulator.c\n");
        return 2;
    }
    uint32_t mtu = (uint32_t)atoi(args[4]);
    uint64_t delay = strtoull(args[5], NULL, 10) * 1000;
    double ns_per_byte = 8e3 / atof(args[6]);
    uint32_t loss = (uint32_t)(atof(args[7]) / 1e6 * 4294967295.0);
    uint64_t queue = (uint64_t)(atof(args[8]) * ns_per_byte);
    if (mtu > LONGEST) return 2;
    struct direction ways[2];
    memset(ways, 0, sizeof ways);
    ways[0].from = ways[1].to = attach(args[1], args[3]);
    ways[1].from = ways[0].to = attach(args[2], args[3]);
    for (int i = 0; i < 2; i++) {
        ways[i].packets = malloc(SLOTS * sizeof(struct packet));
        if (!ways[i].packets) fail("memory");
    }
    state = now() | 1;
    /* A line that waits for the processor is a slower line. Refused to ordinary users. */
    setpriority(PRIO_PROCESS, 0, -10);
    /* Sleeps of 50 us longer than asked for are the default. */
    prctl(PR_SET_TIMERSLACK, 1000);
    puts("ready");
    fflush(stdout);
    for (;;) {
        uint64_t time = now(), next = UINT64_MAX;
        int more = 0;
        for (int i = 0; i < 2; i++) {
            struct direction *way = &ways[i];
            for (int turn = 0; turn < TURN; turn++) {
                struct packet *packet = &way->packets[way->next % SLOTS];
                static uint8_t nowhere[LONGEST];
                int full = way->next - way->first == SLOTS;
                uint8_t *bytes = full ? nowhere : packet->bytes;
                ssize_t length = read(way->from, bytes, LONGEST);
                if (length <= 0) break;
                more |= turn == TURN - 1;
                uint64_t begins = way->free_at > time ? way->free_at : time;
                if (full || begins - time > queue) {
                    way->dropped++;
                    continue;
                }
                way->free_at = begins + (uint64_t)((double)length * ns_per_byte);
                if (random32() < loss) {
                    way->lost++;
                    continue;
                }
                packet->leaves = way->free_at + delay;
                packet->length = (uint32_t)length;
                way->next++;
            }
        }
        time = now();
        for (int i = 0; i < 2; i++) {
            struct direction *way = &ways[i];
            while (way->first != way->next) {
                struct packet *packet = &way->packets[way->first % SLOTS];
                if (packet->leaves > time) {
                    if (packet->leaves < next) next = packet->leaves;
                    break;
                }
                if (write(way->to, packet->bytes, packet->length) < 0 && errno == EAGAIN) {
                    next = time;
                    break;
                }
                way->carried++;
                way->first++;
            }
        }
        if (more) continue;
        struct timespec sleep, *until = NULL;
        if (next != UINT64_MAX) {
            /* Packets come and go all the time: they are looked for once in a while. */
            sleep.tv_sec = 0;
            sleep.tv_nsec = TOGETHER;
            nanosleep(&sleep, NULL);
            time = now();
            uint64_t left = next > time ? next - time : 0;
            sleep.tv_sec = (time_t)(left / 1000000000ull);
            sleep.tv_nsec = (long)(left % 1000000000ull);
            until = &sleep;
        }
        struct pollfd polled[3] = {
            {ways[0].from, POLLIN, 0}, {ways[1].from, POLLIN, 0}, {STDIN_FILENO, 0, 0}};
        ppoll(polled, 3, until, NULL);
        if (polled[2].revents) break;
    }
    for (int i = 0; i < 2; i++)
        printf("%llu carried, %llu lost, %llu dropped\n", (unsigned long long)ways[i].carried,
               (unsigned long long)ways[i].lost, (unsigned long long)ways[i].dropped);
    return 0;
}
