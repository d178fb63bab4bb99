# Point: a range of ports is each of them
# Twin
FROM busybox
EXPOSE 7000-7002/udp 80
