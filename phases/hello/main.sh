#!/bin/sh
# Compiles the program, runs it, and fails when it does not say what it should.
set -eu
cd /var/tmp
cc -o hello hello.c
said=$(./hello)
echo "$said"
[ "$said" = "hello from $(uname -m)" ]
