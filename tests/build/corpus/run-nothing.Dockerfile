# Point: a step that changes nothing
FROM busybox
RUN true
RUN echo nothing
COPY a.txt /a
