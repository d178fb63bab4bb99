# Point: the working folder of the base is where relative ones begin
FROM busybox:user
WORKDIR sub
COPY a.txt .
