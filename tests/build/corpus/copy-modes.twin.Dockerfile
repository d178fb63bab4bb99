FROM busybox
COPY special /special
COPY --chown=app special/setuid private run.sh /files/
RUN chmod 4755 /special/setuid /files/setuid; chmod 2775 /special/setgid
COPY dir /dir
