#!/usr/bin/env bash
# Runs the program for Windows under wine: it trains, resumes, trains a grid and draws, with the same bytes as the program
# for this system. Debian: apt-get install wine64 gcc-mingw-w64-x86-64
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH=$PATH:/usr/lib/wine
dir=$(mktemp -d)
trap 'wineserver -k || true; rm -rf "$dir"' EXIT # also ends what a test left
export WINEPREFIX=$dir/prefix WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=;mshtml="
GOOS=windows GOARCH=amd64 CGO_ENABLED=0 go build -o "$dir/quantal.exe" ./cmd/quantal
GOOS=windows GOARCH=amd64 CGO_ENABLED=0 go test -c -o "$dir/safefile.test.exe" ./internal/safefile
CGO_ENABLED=0 go build -o "$dir/quantal" ./cmd/quantal
wine64 wineboot -i >/dev/null 2>&1
x86_64-w64-mingw32-gcc -O -shared -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" internal/wine/prng.c -ladvapi32
cd "$dir"
options="--data glyphs --hidden 20 --noise heterogeneous --batch 500 --draws 0 --threads 1"
windows() { wine64 quantal.exe "$@" 2>&1 | sed 's/\r$//'; }
windows version
windows train $options --epochs 2 --out runs/a
windows train --resume runs/a --epochs 3
windows grid $options --epochs 2 --rho 2 --c 0.1,0.2 --out grids/a
windows figures runs/a
windows figures grids/a
windows grid $options --epochs 2 --rho 2 --c 0.1 --launch slurm --out grids/b && exit 1 || test $? = 2
test -s runs/a/learning-curve.png -a -s grids/a/fig2.svg
./quantal train $options --epochs 3 --out here >here.log 2>&1
cmp runs/a/checkpoints/step-000000360.safetensors here/checkpoints/step-000000360.safetensors
./quantal figures here >>here.log
cmp runs/a/learning-curve.svg here/learning-curve.svg
# Two that need locks, open files that cannot be removed, and names given in place of others. Wine has no symbolic links.
wine64 safefile.test.exe -test.run 'TestLeftoversGo|TestWritersSideBySide' 2>&1 | tee files.log || true
! grep -q safefile_test.go files.log # Wine 8 cannot remove the tests' folders, which is their only fault
echo "under wine: the same bytes as on $(uname -s)"
