# Point: what is copied last is there
FROM busybox
COPY a.txt /data
COPY b.txt /data
COPY dir /folder
COPY over/etc /folder
