#!/usr/bin/env bash
# The program gan: training resumes bit for bit with either loss, scores come out, rubbish is refused and harms nothing.
source "$(dirname "$0")/program_test.sh"

make_digits digits 1300 200
common=(--data digits --batch 10 --epochs 8)
resumes run "${common[@]}"
[ "$(head -c 4 run_whole/samples.png | tail -c 3)" = PNG ] || fail "samples.png is no image"
"$program" train "${common[@]}" --loss saturating --output saturating >out
judge=(--samples 300 --classifier classifier.safetensors --classifier-epochs 1)
repeatable evaluate --run run_whole "${judge[@]}"
for what in "classifier:" "score" "Parzen window:" "Warning:"; do
  grep -q "$what" first || fail "'$what' is wanted: $(cat first)"
done

before=$(md5sum <run_whole/checkpoint.safetensors)
refuses "subcommand is required"
refuses "batch norm needs" train "${common[@]/10/1}" --output x
refuses "--loss is 'wild'" train "${common[@]}" --loss wild --output x
refuses "add --resume" train "${common[@]}" --output run_whole
refuses "these options are" train "${common[@]}" --loss saturating --output run_whole --resume
refuses "is larger than the data set" train --data digits --batch 2000 --output x
refuses "must be a number in [0, 1)" train --beta1 1 --output x
refuses "data set" train --data no-such-folder --output x
refuses "must not be negative" train --seed -1
refuses "cannot be opened" evaluate --run nothing
"$program" train --data ./digits --batch 50 --epochs 1 --output elsewhere >out
make_digits few 900 20
refuses "more than 1000 images" train --data few --output x
refuses "/proc/self" train "${common[@]}" --output /proc/self
touch file
echo rubbish >rubbish.safetensors
refuses "load_safetensors" evaluate --run run_whole --samples 300 --classifier rubbish.safetensors
refuses "this is no classifier" evaluate --run run_whole --samples 300 --classifier run_whole/checkpoint.safetensors
refuses "a classifier of digits, not of ./digits" evaluate --run elsewhere --samples 300 --classifier classifier.safetensors
refuses "Not a directory" evaluate --run run_whole --samples 300 --classifier file/classifier
[ ! -e x ] || fail "a refused run left a folder behind"
[ "$before" = "$(md5sum <run_whole/checkpoint.safetensors)" ] || fail "a refused run harmed the checkpoint"
