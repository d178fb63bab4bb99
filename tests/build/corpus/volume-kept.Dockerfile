# Point: what RUN and COPY write to a volume stays
# Twin
FROM busybox
VOLUME /var
RUN echo kept > /var/file
COPY a.txt /var/
