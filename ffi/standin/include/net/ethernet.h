// macOS has a name for the struct.
#include_next <net/ethernet.h>
#ifndef CTR_NET_ETHERNET_H
#define CTR_NET_ETHERNET_H
typedef struct ether_addr ether_addr_t;
#endif
