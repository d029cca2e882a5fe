#!/usr/bin/env bash
# Starts FerretDB, which speaks MongoDB's protocol over SQLite, and prints its URI.
# The tests of the MongoDB adapter run against it. It ends with the process that
# called this script. Where it cannot be built, only standard error says so.
#
# It is built as an embedded library: the released module lacks the version file
# without which its own command refuses to start, and the library has neither
# telemetry nor a debug listener.
set -euo pipefail

version=v1.24.2
home=${XDG_CACHE_HOME:-$HOME/.cache}/tripadvance/ferretdb-$version
start_seconds=30

skip() {
    echo "No FerretDB, so the tests against MongoDB are skipped: $1" >&2
    exit 0
}

build() {
    cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Handler:   "sqlite",
		SQLiteURL: "file:./",
	})
	if err != nil {
		panic(err)
	}
	go func() { fmt.Println(server.MongoDBURI()) }()
	if err := server.Run(context.Background()); err != nil {
		panic(err)
	}
}
GO
    rm -f go.mod go.sum
    go mod init ferretdb.local &&
        go mod edit -require="github.com/FerretDB/FerretDB@$version" &&
        go build -mod=mod -o ferretdb.new &&
        mv ferretdb.new ferretdb
}

# Runs the server in the folder $1 until the caller of this script ends.
serve() {
    cd "$1"
    "$home/ferretdb" >uri 2>log &
    while kill -0 "$PPID" && kill -0 "$!"; do sleep 1; done
    kill "$!" || true
    rm -r "$1"
}

print_uri() {
    for ((tries = 0; tries < start_seconds * 10; tries++)); do
        if [[ -s $1/uri ]]; then
            cat "$1/uri"
            return
        fi
        sleep 0.1
    done
    return 1
}

command -v go >/dev/null || skip 'there is no Go toolchain.'
mkdir -p "$home"
cd "$home"
[[ -x ferretdb ]] || build >build.log 2>&1 || skip "the build failed, see $home/build.log."
state=$(mktemp -d)
serve "$state" </dev/null >/dev/null 2>&1 &
print_uri "$state" || skip "it did not start, see $state/log."
