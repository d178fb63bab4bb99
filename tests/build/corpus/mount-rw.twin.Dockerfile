FROM busybox
RUN mkdir /mnt && printf 'changed\na\n' > /seen && rmdir /mnt
