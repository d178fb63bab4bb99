# Point: COPY gives files to root, whoever the user is
FROM busybox
USER app
COPY a.txt dir /files/
