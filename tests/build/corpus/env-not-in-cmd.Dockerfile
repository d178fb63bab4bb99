# Point: variables are not put into CMD and ENTRYPOINT
FROM busybox
ENV NAME=x
ENTRYPOINT ["/bin/echo", "$NAME"]
CMD ["${NAME}"]
