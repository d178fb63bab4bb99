# Point: a folder of the base that is removed and made anew hides what was in it
FROM busybox:layers
RUN rm -r /box && mkdir /box && echo 1 > /box/one && rm -r /turns && echo file > /turns
RUN rm /3 && rm -r /box && mkdir -p /box/in/side
