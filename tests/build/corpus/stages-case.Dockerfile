# Point: names of stages are found whatever their case
# Twin
FROM busybox AS Base
COPY a.txt /a
FROM BASE AS last
COPY --from=bAsE /a /b
