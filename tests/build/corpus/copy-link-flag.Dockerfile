# Point: layers that are independent of those below give the same files
# Twin
FROM busybox
COPY --link a.txt /data/
COPY --link --chown=1000:50 dir /data/dir
COPY --link --chmod=600 b.txt /etc/hello
FROM busybox AS two
COPY --link --from=0 /data /copied
