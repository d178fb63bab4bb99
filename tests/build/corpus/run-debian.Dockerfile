# Point: programs of a real system: users, packages' data, links of a merged /usr
FROM debian:12-slim
RUN install -d -o 1000 -g 1000 /home/dev && echo 'dev:x:1000:1000::/home/dev:/bin/bash' >> /etc/passwd && cp -a /etc/skel/.bashrc /home/dev/
USER dev
WORKDIR /home/dev
RUN id -un > who && readlink -f /bin/sh > shell && dpkg-query -W bash > /dev/null
