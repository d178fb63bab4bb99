# Point: both forms
FROM busybox
VOLUME ["/var", "/home/app"]
VOLUME /tmp /root
