/* Which network addresses are reachable from the outside only by mistake. */
#ifndef AGT_NET_ADDRESS_H
#define AGT_NET_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/**
 * Whether @address is anything but an ordinary address of the public Internet: loopback, private,
 * link-local, shared (carrier-grade NAT), multicast, reserved, in any of the ways in which IPv6
 * can contain an IPv4 address; also any family but these two.
 */
bool agt__address_is_private(const struct sockaddr *address, socklen_t size);

#endif
