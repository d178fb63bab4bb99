#!/bin/sh
# What is measured, on both sides with the same busybox: reads a tree with tar and a file from its beginning
# to its end, and prints the milliseconds of each by the guest's own clock. $1: the folder that is shared.
milliseconds() { read -r up _ < /proc/uptime; echo $((${up%.*} * 1000 + 1${up#*.}0 - 1000)); }
measure() {
  echo 3 > /proc/sys/vm/drop_caches 2> /dev/null
  began=$(milliseconds)
  shift_name=$1; shift
  "$@" > /dev/null 2>&1
  echo "$shift_name $(($(milliseconds) - began))"
}
measure tree tar -cf - -C "$1" tree
measure file dd if="$1/file" of=/dev/null bs=1M
