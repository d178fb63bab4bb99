# Point: what the base sets is there, and can be overwritten and referred to
FROM busybox:user
ENV GREETING="$GREETING world" PATH=/opt/bin:$PATH
