FROM busybox
COPY odd /class/
COPY odd /backslash/
RUN rm /class/star* /backslash/list*
