# Point: an entrypoint keeps the command of its own stage, wherever it stands
FROM busybox
CMD ["one"]
ENTRYPOINT ["/bin/echo"]
