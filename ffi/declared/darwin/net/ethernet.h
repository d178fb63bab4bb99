// The Ethernet address of net/ethernet.h.
#ifndef CTR_NET_ETHERNET_H
#define CTR_NET_ETHERNET_H
#include <stdint.h>

typedef struct ether_addr {
    uint8_t octet[6];
} ether_addr_t;

#endif
