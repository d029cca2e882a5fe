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
    go mod init ferretdb.local
    go mod edit -require="github.com/FerretDB/FerretDB@$version"
    go build -mod=mod -o ferretdb
}

serve() {
    state=$(mktemp -d)
    cd "$state"
    "$home/ferretdb" >uri 2>log &
    server=$!
    trap 'kill "$server"; rm -rf "$state"' EXIT
    for ((tries = 0; tries < start_seconds * 10; tries++)); do
        [[ ! -s uri ]] || break
        sleep 0.1
    done
    cat uri
    exec >&- 2>&-
    while kill -0 "$PPID" && kill -0 "$server"; do sleep 1; done
}

command -v go >/dev/null || skip 'there is no Go toolchain.'
mkdir -p "$home"
cd "$home"
[[ -x ferretdb ]] || build >build.log 2>&1 || skip "the build failed, see $home/build.log."
serve
