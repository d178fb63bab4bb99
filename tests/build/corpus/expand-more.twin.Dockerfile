FROM busybox
ENV F=path/to/file.tar.gz EMPTY=
LABEL a=to/file.tar.gz b=file.tar.gz c=path/to/file.tar d=path/to/file e=paTh/to/file.tar.gz f=paTh/To/file.Tar.gz g= h=empty i=alt j=path/to/file.tar.gz k=unset
