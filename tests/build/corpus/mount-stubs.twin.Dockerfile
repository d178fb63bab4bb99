FROM busybox
COPY a.txt /seen
