module example.com/ids

go 1.19

require github.com/oklog/ulid/v2 v2.1.0
