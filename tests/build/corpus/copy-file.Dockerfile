# Point: a folder as target is made, and its parents; a name as target renames
FROM busybox
COPY a.txt /data/deep/
COPY a.txt /data/renamed
COPY run.sh /usr/bin/
