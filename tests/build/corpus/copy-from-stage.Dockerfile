# Point: files of another stage, by name and by number, keep owners and modes
FROM busybox AS first
COPY --chown=1000:50 dir /out/dir
COPY links /out/links
FROM busybox
COPY a.txt /a
FROM scratch
COPY --from=first /out /first
COPY --from=0 /out/dir/one.txt /number/
COPY --from=1 /a /etc/hello /second/
