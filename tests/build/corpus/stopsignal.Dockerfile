# Point: names, numbers and real-time signals
FROM busybox:entrypoint
STOPSIGNAL 9
STOPSIGNAL SIGRTMIN+3
