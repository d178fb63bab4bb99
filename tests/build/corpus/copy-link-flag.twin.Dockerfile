FROM busybox
COPY a.txt /data/
COPY --chown=1000:50 dir /data/dir
RUN chmod 600 /etc/hello
COPY private /etc/hello
RUN echo b > /etc/hello
FROM busybox AS two
COPY --from=0 /data /copied
