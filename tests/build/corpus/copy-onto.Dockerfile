# Point: a folder is merged into one that is there: its files win, modes of folders follow the source
FROM busybox
COPY over /
COPY a.txt /etc/hello
