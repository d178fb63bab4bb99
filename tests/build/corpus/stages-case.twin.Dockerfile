FROM busybox
COPY a.txt /a
COPY a.txt /b
