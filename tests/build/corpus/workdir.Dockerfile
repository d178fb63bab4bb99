# Point: relative steps add up, variables are put in, folders are made
FROM busybox
ENV PLACE=srv
WORKDIR /one
WORKDIR two/
WORKDIR ../${PLACE}//three/.
COPY a.txt .
WORKDIR /etc
