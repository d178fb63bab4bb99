# Point: a link that is named as source is followed
FROM busybox
COPY link /copied
COPY dirlink /folder/
COPY link /in/
