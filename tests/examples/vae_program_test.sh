#!/usr/bin/env bash
# The program vae: training resumes bit for bit, images and figures come out, rubbish is refused and harms nothing.
source "$(dirname "$0")/program_test.sh"

make_digits digits 1300 200
common=(--data digits --batch 20 --epochs 20)
resumes run "${common[@]}"
for image in samples reconstructions; do
  [ "$(head -c 4 run_whole/$image.png | tail -c 3)" = PNG ] || fail "$image.png is no image"
done
repeatable evaluate --run run_whole --samples 20 --images 30
[ "$(grep -c "wanted" first)" -eq 2 ] || fail "two figures are wanted: $(cat first)"

before=$(md5sum <run_whole/checkpoint.safetensors)
refuses "subcommand is required"
refuses "add --resume" train "${common[@]}" --output run_whole
refuses "these options are" train "${common[@]}" --seed 5 --output run_whole --resume
refuses "cannot be opened" train "${common[@]}" --output nothing --resume
refuses "is larger than the data set" train --data digits --batch 2000 --output x
refuses "data set" train --data no-such-folder --output x
refuses "--epochs" train --epochs 0 --output x
refuses "must be a number in [0, 1)" train --learning-rate nan --output x
refuses "must be a number in [0, 1)" train --learning-rate -1 --output x
refuses "must not be negative" train --seed -1
refuses "cannot be opened" evaluate --run nothing
mkdir broken other
head -c 5000 run_whole/checkpoint.safetensors >broken/checkpoint.safetensors
refuses "load_safetensors" evaluate --run broken
make_digits few 100 20
refuses "50 test images of 28x28 pixels are needed" train --data few --batch 20 --output x
refuses "/proc/self" train "${common[@]}" --output /proc/self
(
  trap "" XFSZ
  ulimit -f 100
  refuses "checkpoint.safetensors: cannot be written" train "${common[@]}" --output full
)
[ -z "$(find full -name '*.partial*')" ] || fail "a failed write left a part of a file behind"
touch file
refuses "cannot create directories" train "${common[@]}" --output file/x
[ ! -e x ] || fail "a refused run left a folder behind"
[ "$before" = "$(md5sum <run_whole/checkpoint.safetensors)" ] || fail "a refused run harmed the checkpoint"
