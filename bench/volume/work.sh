# Random reads and writes of 4 KiB, and writes that are flushed one by one, with fio in the folder $1. Prints `NAME IOPS`.
# $2: seconds of each. Only what the shell itself has is used.
set -e
folder=$1 seconds=$2
for job in read:randread:0:1 write:randwrite:0:1 fsync:randwrite:1:0; do
  IFS=:; set -- $job; unset IFS
  name=$1
  line=$(/usr/bin/fio --name="$1" --directory="$folder" --filename=file --size=64M --rw="$2" --bs=4k --ioengine=psync \
    --fsync="$3" --direct="$4" --time_based --runtime="$seconds" --randseed=7 --thread --output-format=terse --terse-version=3)
  # Fields of terse output 3: 8 is the IOPS of reads, 49 those of writes.
  IFS=';'; set -- $line; unset IFS
  if [ "$name" = read ]; then echo "$name $8"; else echo "$name ${49}"; fi
done
