// What ctrvz.m uses of vmnet.framework: networks as objects, macOS 26. Declared by hand from facts.json.
#ifndef CTR_VMNET_H
#define CTR_VMNET_H
#include <net/ethernet.h>
#include <netinet/in.h>
#include <os/availability.h>
#include <stdint.h>

typedef enum __attribute__((enum_extensibility(open))) : uint32_t {
    VMNET_SUCCESS = 1000,
    VMNET_FAILURE = 1001,
    VMNET_MEM_FAILURE = 1002,
    VMNET_INVALID_ARGUMENT = 1003,
    VMNET_SETUP_INCOMPLETE = 1004,
    VMNET_INVALID_ACCESS = 1005,
    VMNET_PACKET_TOO_BIG = 1006,
    VMNET_BUFFER_EXHAUSTED = 1007,
    VMNET_TOO_MANY_PACKETS = 1008,
    VMNET_SHARING_SERVICE_BUSY = 1009,
    VMNET_NOT_AUTHORIZED = 1010,
} vmnet_return_t;

typedef enum __attribute__((enum_extensibility(open))) : uint32_t {
    VMNET_HOST_MODE = 1000,
    VMNET_SHARED_MODE = 1001,
} vmnet_mode_t;

typedef struct vmnet_network_configuration *vmnet_network_configuration_ref;
typedef struct vmnet_network *vmnet_network_ref;

#define CTR_VMNET extern API_AVAILABLE(macos(26.0))

CTR_VMNET vmnet_network_configuration_ref vmnet_network_configuration_create(vmnet_mode_t mode, vmnet_return_t *status);
CTR_VMNET vmnet_return_t vmnet_network_configuration_set_ipv4_subnet(
    vmnet_network_configuration_ref config, const struct in_addr *subnet_addr, const struct in_addr *subnet_mask);
CTR_VMNET vmnet_return_t vmnet_network_configuration_set_ipv6_prefix(
    vmnet_network_configuration_ref config, const struct in6_addr *prefix, uint8_t len);
CTR_VMNET vmnet_return_t vmnet_network_configuration_set_mtu(vmnet_network_configuration_ref config, uint32_t mtu);
CTR_VMNET vmnet_return_t vmnet_network_configuration_set_external_interface(
    vmnet_network_configuration_ref config, const char *interface_name);
CTR_VMNET vmnet_return_t vmnet_network_configuration_add_dhcp_reservation(
    vmnet_network_configuration_ref config, const ether_addr_t *client, const struct in_addr *reservation);
CTR_VMNET vmnet_return_t vmnet_network_configuration_add_port_forwarding_rule(
    vmnet_network_configuration_ref config, uint8_t protocol, sa_family_t address_family, uint16_t internal_port,
    uint16_t external_port, const void *internal_address);
CTR_VMNET void vmnet_network_configuration_disable_dhcp(vmnet_network_configuration_ref config);
CTR_VMNET void vmnet_network_configuration_disable_dns_proxy(vmnet_network_configuration_ref config);
CTR_VMNET void vmnet_network_configuration_disable_nat44(vmnet_network_configuration_ref config);
CTR_VMNET void vmnet_network_configuration_disable_nat66(vmnet_network_configuration_ref config);
CTR_VMNET void vmnet_network_configuration_disable_router_advertisement(vmnet_network_configuration_ref config);
CTR_VMNET vmnet_network_ref vmnet_network_create(vmnet_network_configuration_ref config, vmnet_return_t *status);
CTR_VMNET void vmnet_network_get_ipv4_subnet(vmnet_network_ref network, struct in_addr *subnet, struct in_addr *mask);
CTR_VMNET void vmnet_network_get_ipv6_prefix(vmnet_network_ref network, struct in6_addr *prefix, uint8_t *prefix_len);

#endif
