# Point: files, folders, links and what is in them; a removed folder that comes again is empty
FROM busybox
COPY dir /dir
COPY links /links
COPY src /src
RUN rm /dir/one.txt /links/relative && rm -r /dir/deep && rm -r /src && mkdir /src && echo new > /src/new && rm /etc/hello
RUN rm -r /links && echo file > /links && rm /dir/two.md && mkdir /dir/two.md
