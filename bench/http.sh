#!/usr/bin/env bash
# How much time of processors it takes a training to show itself with --http to one who looks: user and system seconds
# of pairs of runs, without and with it, in turn. Usage: bench/http.sh QUANTAL [PAIRS [EPOCHS]]
set -euo pipefail
quantal=$1 pairs=${2:-6} epochs=${3:-4} folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
train() {
    rm -rf "$folder/run"
    TIMEFORMAT="$1 %U %S"
    shift
    time "$quantal" train --data glyphs --hidden 100,100 --epochs "$epochs" --c 0.1 --lr 1e-3 --threads 1 --draws 2 \
        --out "$folder/run" "$@" >/dev/null 2>"$folder/said"
}
look() {
    until url=$(grep -o 'http://[^ ]*' "$folder/said"); do sleep 0.1; done
    curl -sN "${url}events" >/dev/null || true
}
for ((pair = 0; pair < pairs; pair++)); do
    train without
    : >"$folder/said"
    look &
    train with --http 127.0.0.1:0
    wait
done 2>&1 | awk '{ print; sum[$1] += $2 + $3 }
    END { printf "%.2f %% more with --http\n", 100 * (sum["with"] / sum["without"] - 1) }'
