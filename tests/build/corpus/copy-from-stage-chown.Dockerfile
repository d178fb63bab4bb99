# Point: files of another stage get other owners
FROM busybox AS first
COPY --chown=1000:50 dir /out
FROM busybox
COPY --from=first --chown=root:staff /out /root-owned
COPY --from=first --chown=app:app /out/deep /home/app/deep
