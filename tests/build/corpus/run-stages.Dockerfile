# Point: stages that build apart and meet
FROM busybox AS one
RUN echo one > /one
FROM busybox AS two
RUN mkdir -p /x/y && echo two > /x/y/two && chmod 750 /x/y
FROM busybox AS unneeded
RUN exit 1
FROM busybox
COPY --from=one /one /
COPY --from=two /x /x
RUN cat /one /x/y/two > /both
