FROM busybox AS files
COPY dir /context/dir
COPY logs /context/logs
RUN cd /context && rm dir/deep/three.txt logs/b.log && chmod 750 dir/deep
FROM scratch
COPY --from=files /context /context
