# Point: modes as chmod(1) takes them
# Twin
FROM busybox
COPY --chmod=u=rw,go=r private /one
COPY --chmod=a+x,u-w a.txt /two
COPY --chmod=go-rwX,u+s run.sh /three
