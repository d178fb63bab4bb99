# Point: the JSON form takes names with spaces and quotes
FROM busybox
COPY ["with space.txt", "ünï-日本.txt", "/my files/"]
COPY ["a.txt", "/with \"quotes\""]
