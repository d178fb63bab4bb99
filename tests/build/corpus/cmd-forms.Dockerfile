# Point: the shell form gets the shell, the JSON form stands as it is, the last one counts
FROM busybox AS shell
CMD echo "hello  $HOME"
FROM busybox
CMD ["first"]
CMD [ "/bin/echo", "a b", "\u00fc" ]
