# Point: the shell form in full
FROM busybox
CMD echo "hello  $HOME" && exit 3
