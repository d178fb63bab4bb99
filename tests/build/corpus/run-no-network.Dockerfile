# Point: without a network there is the loopback alone
# Twin
FROM busybox
RUN --network=none ls /sys/class/net > /net
