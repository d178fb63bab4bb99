// Networks of vmnet: a switch for each, on a thread of its own, that knows where a MAC address was seen; and a host
// that answers ARP and ping at the network's own address. There is no way out of it.
#import "standin.h"
#import <errno.h>
#import <netinet/ip.h>
#import <netinet/ip_icmp.h>
#import <net/if_arp.h>
#import <netinet/if_ether.h>
#import <poll.h>
#import <pthread.h>
#import <sys/eventfd.h>
#import <sys/socket.h>
#import <unistd.h>

#define MOST_PLUGS 32 // as documented
#define MOST_KNOWN 64
#define FRAME 65536

struct vmnet_network_configuration {
    int owners; // first, as in all that CFRelease is given
    int isNetwork, hostOnly, dhcp;
    struct in_addr host, mask;
    struct in6_addr prefix;
    uint8_t length;
    uint32_t mtu;
};

struct vmnet_network {
    int owners;
    int isNetwork;
    struct vmnet_network_configuration facts;
    pthread_mutex_t lock;
    int wake, ended;
    int plugs[MOST_PLUGS], count;
    struct {
        uint8_t mac[6];
        int plug;
    } known[MOST_KNOWN];
    unsigned nextKnown;
};

static const uint8_t HOST_MAC[6] = { 0x02, 0x76, 0x6d, 0x6e, 0x65, 0x74 };

// --- configuration -------------------------------------------------------------------------------------------

vmnet_network_configuration_ref vmnet_network_configuration_create(vmnet_mode_t mode, vmnet_return_t *status) {
    static int next = 80;
    vmnet_network_configuration_ref made = calloc(1, sizeof *made);
    made->owners = 1;
    made->hostOnly = mode == VMNET_HOST_MODE;
    made->dhcp = 1;
    made->mtu = 1500;
    made->host.s_addr = htonl(0xc0a80001u | (uint32_t)(__atomic_fetch_add(&next, 1, __ATOMIC_SEQ_CST) & 0xff) << 8);
    made->mask.s_addr = htonl(0xffffff00u);
    made->prefix.s6_addr[0] = 0xfd;
    made->prefix.s6_addr[6] = made->hostOnly ? 1 : 0;
    made->length = 64;
    *status = VMNET_SUCCESS;
    return made;
}

vmnet_return_t vmnet_network_configuration_set_ipv4_subnet(vmnet_network_configuration_ref config,
                                                           const struct in_addr *address, const struct in_addr *mask) {
    uint32_t bits = ntohl(mask->s_addr), host = ntohl(address->s_addr) & ~bits;
    if ((~bits & (~bits + 1)) != 0 || ~bits < 3) return VMNET_INVALID_ARGUMENT;
    if (host != 1) return VMNET_INVALID_ARGUMENT; // the network's address fails on some versions, and later
    config->host = *address;
    config->mask = *mask;
    return VMNET_SUCCESS;
}

vmnet_return_t vmnet_network_configuration_set_ipv6_prefix(vmnet_network_configuration_ref config,
                                                           const struct in6_addr *prefix, uint8_t length) {
    if (length != 64) return VMNET_INVALID_ARGUMENT;
    config->prefix = *prefix;
    config->length = length;
    return VMNET_SUCCESS;
}

vmnet_return_t vmnet_network_configuration_set_mtu(vmnet_network_configuration_ref config, uint32_t mtu) {
    if (mtu < 576 || mtu > 9000) return VMNET_INVALID_ARGUMENT;
    config->mtu = mtu;
    return VMNET_SUCCESS;
}

vmnet_return_t vmnet_network_configuration_set_external_interface(vmnet_network_configuration_ref config,
                                                                  const char *name) {
    return config->hostOnly || *name == 0 ? VMNET_INVALID_ARGUMENT : VMNET_SUCCESS;
}

static BOOL inside(vmnet_network_configuration_ref config, struct in_addr address) {
    return ((address.s_addr ^ config->host.s_addr) & config->mask.s_addr) == 0;
}

vmnet_return_t vmnet_network_configuration_add_dhcp_reservation(vmnet_network_configuration_ref config,
                                                                const ether_addr_t *client,
                                                                const struct in_addr *reservation) {
    (void)client;
    return inside(config, *reservation) ? VMNET_SUCCESS : VMNET_INVALID_ARGUMENT;
}

vmnet_return_t vmnet_network_configuration_add_port_forwarding_rule(vmnet_network_configuration_ref config,
                                                                    uint8_t protocol, sa_family_t family,
                                                                    uint16_t internal, uint16_t external,
                                                                    const void *address) {
    if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) return VMNET_INVALID_ARGUMENT;
    if (internal == 0 || external == 0) return VMNET_INVALID_ARGUMENT;
    if (family == AF_INET && !inside(config, *(const struct in_addr *)address)) return VMNET_INVALID_ARGUMENT;
    return VMNET_SUCCESS;
}

void vmnet_network_configuration_disable_dhcp(vmnet_network_configuration_ref config) {
    config->dhcp = 0;
}
void vmnet_network_configuration_disable_dns_proxy(vmnet_network_configuration_ref config) {
    (void)config;
}
void vmnet_network_configuration_disable_nat44(vmnet_network_configuration_ref config) {
    (void)config;
}
void vmnet_network_configuration_disable_nat66(vmnet_network_configuration_ref config) {
    (void)config;
}
void vmnet_network_configuration_disable_router_advertisement(vmnet_network_configuration_ref config) {
    (void)config;
}

// --- the host in it ------------------------------------------------------------------------------------------

static uint16_t checksum(const uint8_t *bytes, size_t length) {
    uint32_t sum = 0;
    for (size_t at = 0; at + 1 < length; at += 2) sum += (uint32_t)(bytes[at] << 8 | bytes[at + 1]);
    if (length & 1) sum += (uint32_t)bytes[length - 1] << 8;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

static void answerArp(struct vmnet_network *network, int plug, uint8_t *frame) {
    struct ether_arp *arp = (struct ether_arp *)(frame + 14);
    if (ntohs(arp->ea_hdr.ar_op) != ARPOP_REQUEST || memcmp(arp->arp_tpa, &network->facts.host, 4) != 0) return;
    memcpy(frame, arp->arp_sha, 6);
    memcpy(frame + 6, HOST_MAC, 6);
    arp->ea_hdr.ar_op = htons(ARPOP_REPLY);
    memcpy(arp->arp_tha, arp->arp_sha, 6);
    memcpy(arp->arp_tpa, arp->arp_spa, 4);
    memcpy(arp->arp_sha, HOST_MAC, 6);
    memcpy(arp->arp_spa, &network->facts.host, 4);
    send(plug, frame, 14 + sizeof *arp, MSG_DONTWAIT);
}

static void answerPing(struct vmnet_network *network, int plug, uint8_t *frame, size_t length) {
    struct iphdr *ip = (struct iphdr *)(frame + 14);
    size_t head = ip->ihl * 4u, whole = ntohs(ip->tot_len);
    if (ip->version != 4 || head < 20 || whole + 14 > length || head + 8 > whole) return;
    struct icmphdr *icmp = (struct icmphdr *)(frame + 14 + head);
    if (ip->protocol != IPPROTO_ICMP || ip->daddr != network->facts.host.s_addr || icmp->type != ICMP_ECHO) return;
    memcpy(frame, frame + 6, 6);
    memcpy(frame + 6, HOST_MAC, 6);
    ip->daddr = ip->saddr;
    ip->saddr = network->facts.host.s_addr;
    icmp->type = ICMP_ECHOREPLY;
    icmp->checksum = 0;
    icmp->checksum = checksum((uint8_t *)icmp, whole - head);
    send(plug, frame, 14 + whole, MSG_DONTWAIT);
}

// --- the switch ----------------------------------------------------------------------------------------------

static void learn(struct vmnet_network *network, const uint8_t *mac, int plug) {
    for (int at = 0; at < MOST_KNOWN; at++) {
        if (memcmp(network->known[at].mac, mac, 6) == 0) {
            network->known[at].plug = plug;
            return;
        }
    }
    unsigned at = network->nextKnown++ % MOST_KNOWN;
    memcpy(network->known[at].mac, mac, 6);
    network->known[at].plug = plug;
}

static int placeOf(struct vmnet_network *network, const uint8_t *mac) {
    for (int at = 0; at < MOST_KNOWN; at++) {
        if (memcmp(network->known[at].mac, mac, 6) == 0) return network->known[at].plug;
    }
    return -1;
}

static void forward(struct vmnet_network *network, int from, uint8_t *frame, size_t length) {
    if (length < 42) return;
    learn(network, frame + 6, from);
    int to = placeOf(network, frame);
    for (int at = 0; at < network->count; at++) {
        int plug = network->plugs[at];
        if (plug >= 0 && plug != from && (to < 0 || to == plug)) send(plug, frame, length, MSG_DONTWAIT);
    }
    uint16_t type = (uint16_t)(frame[12] << 8 | frame[13]);
    if (type == ETH_P_ARP) answerArp(network, from, frame);
    if (type == ETH_P_IP) answerPing(network, from, frame, length);
}

// A VM that has ended hangs up; its place is free again.
static void unplug(struct vmnet_network *network, int at) {
    for (int known = 0; known < MOST_KNOWN; known++) {
        if (network->known[known].plug == network->plugs[at]) memset(&network->known[known], 0, sizeof network->known[0]);
    }
    close(network->plugs[at]);
    network->plugs[at] = -1;
}

static void *run(void *argument) {
    struct vmnet_network *network = argument;
    uint8_t *frame = malloc(FRAME);
    for (;;) {
        struct pollfd watched[MOST_PLUGS + 1] = { { .fd = network->wake, .events = POLLIN } };
        pthread_mutex_lock(&network->lock);
        int count = network->count, ended = network->ended;
        for (int at = 0; at < count; at++) watched[at + 1] = (struct pollfd){ .fd = network->plugs[at], .events = POLLIN };
        pthread_mutex_unlock(&network->lock);
        if (ended) break;
        poll(watched, (nfds_t)count + 1, -1);
        uint64_t woken;
        if (watched[0].revents && read(network->wake, &woken, sizeof woken) < 0) continue;
        pthread_mutex_lock(&network->lock);
        for (int at = 0; at < count; at++) {
            if (watched[at + 1].revents == 0) continue;
            ssize_t got = recv(network->plugs[at], frame, FRAME, MSG_DONTWAIT);
            if (got > 0) forward(network, network->plugs[at], frame, (size_t)got);
            else if (got == 0 || errno != EAGAIN) unplug(network, at);
        }
        pthread_mutex_unlock(&network->lock);
    }
    for (int at = 0; at < network->count; at++) {
        if (network->plugs[at] >= 0) close(network->plugs[at]);
    }
    close(network->wake);
    free(frame);
    free(network);
    return NULL;
}

vmnet_network_ref vmnet_network_create(vmnet_network_configuration_ref config, vmnet_return_t *status) {
    vmnet_network_ref made = calloc(1, sizeof *made);
    made->owners = 1;
    made->isNetwork = 1;
    made->facts = *config;
    made->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&made->lock, NULL);
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, made) != 0) abort();
    pthread_detach(thread);
    *status = VMNET_SUCCESS;
    return made;
}

void vmnet_network_get_ipv4_subnet(vmnet_network_ref network, struct in_addr *subnet, struct in_addr *mask) {
    *subnet = network->facts.host;
    *mask = network->facts.mask;
}

void vmnet_network_get_ipv6_prefix(vmnet_network_ref network, struct in6_addr *prefix, uint8_t *length) {
    *prefix = network->facts.prefix;
    *length = network->facts.length;
}

static void wake(struct vmnet_network *network) {
    uint64_t one = 1;
    if (write(network->wake, &one, sizeof one) < 0) abort();
}

int vmnetPlug(vmnet_network_ref network) {
    int ends[2] = { -1, -1 }, at = 0;
    pthread_mutex_lock(&network->lock);
    while (at < network->count && network->plugs[at] >= 0) at++;
    // SOCK_SEQPACKET would tell of the end; QEMU wants datagrams, whose end is told by an error.
    if (at < MOST_PLUGS && socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0) {
        network->plugs[at] = ends[0];
        if (at == network->count) network->count++;
    }
    pthread_mutex_unlock(&network->lock);
    wake(network);
    return ends[1];
}

void vmnetKeep(vmnet_network_ref network) {
    __atomic_fetch_add(&network->owners, 1, __ATOMIC_SEQ_CST);
}

void CFRelease(CFTypeRef object) {
    struct vmnet_network_configuration *counted = (struct vmnet_network_configuration *)object;
    if (__atomic_fetch_sub(&counted->owners, 1, __ATOMIC_SEQ_CST) > 1) return;
    if (!counted->isNetwork) {
        free(counted);
        return;
    }
    struct vmnet_network *network = (struct vmnet_network *)object;
    pthread_mutex_lock(&network->lock);
    network->ended = 1;
    wake(network); // under the lock: the thread frees it
    pthread_mutex_unlock(&network->lock);
}
