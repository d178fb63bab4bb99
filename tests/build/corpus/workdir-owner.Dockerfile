# Point: the working folder belongs to the user of the moment
# Twin
FROM busybox
USER 1000:50
WORKDIR /made/by
RUN touch file
