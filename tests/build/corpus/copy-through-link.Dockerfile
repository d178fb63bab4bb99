# Point: a link to a folder in the image is followed, and stays
FROM debian:12-slim
COPY run.sh /bin/ours
COPY dir /lib/ours
COPY a.txt /var/run/ours
