#!/bin/sh
# Does what drivers/template/README.md says, word for word, in a copy: try_steps.sh SOURCE BUILD WORK
# SOURCE is the repository, BUILD a build of it, WORK a folder to work in. The build step uses what BUILD has built of the rest.
set -eu
source=$1 build=$2 work=$3
rm -rf "$work/drivers" && mkdir -p "$work/drivers"
cp -r "$source/drivers/template" "$source/drivers/CMakeLists.txt" "$work/drivers/"
cd "$work"
# the first block of code: copy and rename
sed -n '/```sh/,/```/p' drivers/template/README.md | sed '/```/,$ { /```sh/d; /```/q }' | sed '/```/d; s/^   //' > steps.sh
grep -q 'cp -r drivers/template drivers/mine' steps.sh
sh -eu steps.sh
grep -q 'POLYMETIS_DRIVERS mine ' drivers/CMakeLists.txt
cmp drivers/template/README.md drivers/mine/README.md  # it still says what is to be done
if grep -rn --exclude=README.md 'emplate' drivers/mine; then echo "a word was not renamed" >&2; exit 1; fi
cmake -G Ninja -S "$source/tests/template_driver/alone" -B build -DPOLYMETIS_SOURCE="$source" -DPOLYMETIS_BUILD="$build" -DDRIVERS="$work/drivers" > configure.log || { cat configure.log; exit 1; }
cmake --build build --target driver_mine_tests > build.log || { cat build.log; exit 1; }
build/mine/driver_mine_tests --gtest_brief=1
