#!/usr/bin/env bash
# The program from outside: a resumed run continues bit for bit, Ctrl-C saves, rubbish gives a clear error and harms nothing.
#   infogan_program_test.sh PROGRAM FOLDER [no-memory-limit]
# A sanitizer takes memory of its own: no-memory-limit leaves out how much training takes.
source "$(dirname "$0")/program_test.sh"

# Small enough to run in seconds: few images of an own data set would need files, so the drawn digits serve.
common=(--paper --data synthetic --batch 16 --threads 2 --seed 5)

# same_state RUN RUN: the checkpoints hold the same arrays.
same_state() {
  python3 - "$@" <<'END'
import struct, sys, json
def load(run):
    data = open(f'{run}/checkpoint.safetensors', 'rb').read()
    length = struct.unpack('<Q', data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop('__metadata__')
    return {n: data[8 + length + e['data_offsets'][0]:8 + length + e['data_offsets'][1]] for n, e in header.items()}
sys.exit(load(sys.argv[1]) != load(sys.argv[2]))
END
}

"$program" train "${common[@]}" --iterations 8 --output whole >whole.log
"$program" train "${common[@]}" --iterations 3 --output parts >parts.log
"$program" train "${common[@]}" --iterations 8 --output parts --resume --threads 1 >>parts.log
same_state whole parts || fail "the resumed run differs from the unbroken one"
diff <(sed 's/"images_per_second":[^,]*,//' whole/metrics.jsonl) <(sed 's/"images_per_second":[^,]*,//' parts/metrics.jsonl) \
  >/dev/null || fail "the metrics of the resumed run differ"

# With the default network and 60,000 images training takes at most 350 MB, at the end of an epoch too.
[ "${3:-}" = no-memory-limit ] || python3 - "$program" <<'END' || fail "training takes too much memory"
import os, resource, struct, subprocess, sys
def write(part, count):
    with open(f'large/{part}-images-idx3-ubyte', 'wb') as file:
        file.write(struct.pack('>4I', 0x803, count, 28, 28) + os.urandom(count * 784))
    with open(f'large/{part}-labels-idx1-ubyte', 'wb') as file:
        file.write(struct.pack('>2I', 0x801, count) + bytes(i % 10 for i in range(count)))
def peak(folder, *arguments):  # of all children so far, in MB
    # The search for neighbours, before there are networks, takes half as much memory and a minute.
    subprocess.run([sys.argv[1], 'train', '--data', 'large', '--neighbours', '0', '--threads', '2', '--output', folder, *arguments],
                   check=True, stdout=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
os.mkdir('large')
write('train', 256), write('t10k', 10000)
of_epoch = peak('epoch', '--epochs', '1') + 60000 * 784 / 2**20
write('train', 60000)
of_steps = peak('steps', '--iterations', '2')
print(f'peak memory: {of_steps:.0f} MB in steps, {of_epoch:.0f} MB in an epoch')
sys.exit(max(of_steps, of_epoch) > 350)
END
rm -rf large epoch steps

# Ctrl-C (here: SIGTERM, since a shell without job control gives its background jobs no SIGINT) saves a checkpoint.
"$program" train "${common[@]}" --iterations 100000 --output stopped >stopped.log &
pid=$!
for _ in $(seq 100); do [ -s stopped/metrics.jsonl ] && break; sleep 0.2; done
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
[ "$status" -eq 130 ] || fail "stopping gave exit status $status, not 130"
grep -q "Add --resume to go on" stopped.log || fail "stopping did not say how to go on"
"$program" sample --run stopped --seed 3 >/dev/null
[ -s stopped/samples/seed3_c1.png ] || fail "no sample was written"
"$program" report --run stopped >/dev/null
grep -q "No figures yet" stopped/report.html || fail "the report does not say that figures are missing"

refuses "add --resume" train "${common[@]}" --iterations 3 --output whole
refuses "cannot be opened" train "${common[@]}" --output nothing-there --resume
refuses "it can not change on --resume" train --seed 6 --output whole --resume
refuses "--batch is 1" train --batch 1 --output x
refuses "--loss is 'wild'" train --loss wild --output x
refuses "--categorical has a code of 1 classes" train --categorical 10,1 --output x
refuses "data set" train --data no-such-folder --output x
refuses "--bogus" train --bogus
refuses "--seed" train "${common[@]}" --iterations 1 --seed -1 --output x
refuses "--seed" sample --run whole --seed -1
refuses "--learning-rate-g is nan" train --learning-rate-g nan --output x
refuses "cannot create directories" train "${common[@]}" --iterations 1 --output whole.log/x
refuses "subcommand"
head -c 100000 whole/checkpoint.safetensors >truncated.safetensors
mkdir broken
cp truncated.safetensors broken/checkpoint.safetensors
refuses "load_safetensors" evaluate --run broken
refuses "cannot be opened" evaluate --run nothing-there
[ ! -e x ] || fail "a refused run left a folder behind"

# A disk that is full (here: a limit on the size of files) costs the new checkpoint, not the one before.
before=$(md5sum <parts/checkpoint.safetensors)
(
  trap "" XFSZ
  ulimit -f 1000
  refuses "checkpoint.safetensors: cannot be written" train "${common[@]}" --iterations 9 --output parts --resume
)
[ "$before" = "$(md5sum <parts/checkpoint.safetensors)" ] || fail "a failed write harmed the checkpoint"
[ -z "$(find parts -name '*.partial*')" ] || fail "a failed write left a part of a file behind"

# Other shapes of code, the note's loss, and the trunk left to D.
"$program" train "${common[@]}" --iterations 2 --categorical 4,3 --continuous 1 --noise 8 --noise-distribution uniform \
  --loss saturating --trunk-trained-by discriminator --output codes >/dev/null
"$program" train "${common[@]}" --iterations 2 --categorical 0 --continuous 0 --output plain >/dev/null

# With the schedules of the usual setting, and with attributes, a run that was stopped somewhere continues bit for bit.
make_digits few 200 50
usual=(--data few --batch 16 --seed 5 --iterations 60)
"$program" train "${usual[@]}" --output usual >usual.log
"$program" train "${usual[@]}" --threads 1 --output usual_parts >usual_parts.log &
pid=$!
for _ in $(seq 300); do [ "$(wc -l 2>/dev/null <usual_parts/metrics.jsonl || echo 0)" -ge 10 ] && break; sleep 0.05; done
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
[ "$status" -eq 130 ] || fail "stopping the usual setting gave exit status $status, not 130"
"$program" train --output usual_parts --resume --threads 3 >>usual_parts.log
same_state usual usual_parts || fail "the resumed run of the usual setting differs"
grep -q '"start":8' usual/metrics.jsonl || fail "the metrics do not say how the starts were judged"
grep -q "^Going on from start [1-8]$" usual.log || fail "nothing says which start goes on"

# While the starts are tried there is nothing to save: the same command begins anew.
"$program" train --data few --batch 16 --iterations 4 --starts 1000 --output early >early.log &
pid=$!
for _ in $(seq 300); do grep -q "^start 1 of" early.log && break; sleep 0.05; done
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
[ "$status" -eq 130 ] || fail "stopping among the starts gave exit status $status, not 130"
grep -q "there is no checkpoint yet" early.log || fail "stopping among the starts did not say what there is: $(cat early.log)"
"$program" train --data few --batch 16 --iterations 4 --starts 2 --output early >/dev/null
[ "$(grep -c '"start"' early/metrics.jsonl)" -eq 2 ] || fail "the metrics do not hold each start once"
"$program" train --data few --batch 16 --iterations 1 --starts 1 --output started >/dev/null
"$program" train --data few --batch 16 --iterations 1 --starts 0 --output unstarted >/dev/null
! same_state started unstarted || fail "training did not begin where the start ended"
refuses "cannot create directories" train --data few --batch 16 --iterations 4 --output whole.log/x
! "$program" train --data few --batch 16 --iterations 4 --output whole.log/x 2>&1 | grep "^start" || fail "starts came before the folder"
refuses "every start diverged; try a smaller --learning-rate-start" \
  train --data few --batch 16 --iterations 4 --learning-rate-start 1e6 --starts 1 --beta1 0 --output diverged
"$program" train --data few --batch 16 --iterations 2 --categorical 0 --continuous 1 --output slant >/dev/null
grep -q '"attributes"' usual/metrics.jsonl || fail "nothing was measured of the images"
"$program" report --run usual >/dev/null
refuses "--starts is -1" train --starts -1 --output x
refuses "--start-share is 1.5" train --start-share 1.5 --output x
refuses "--learning-rate-start is nan" train --learning-rate-start nan --output x
refuses "--neighbours is -1" train --neighbours -1 --output x
refuses "--warm-up is nan" train --warm-up nan --output x
refuses "--continuous-warm-up is 1.5" train --continuous-warm-up 1.5 --output x
refuses "--neighbour-share is -0.1" train --neighbour-share -0.1 --output x
refuses "--balance is -1" train --balance -1 --output x
refuses "--attributes is -1" train --attributes -1 --output x
refuses "--attribute-noise is -1" train --attribute-noise -1 --output x
refuses "--decay is 2" train --decay 2 --output x
cp -r few wide
printf '\0\0\0\16\0\0\0\70' | dd of=wide/train-images-idx3-ubyte bs=1 seek=8 conv=notrunc status=none  # 14 x 56
refuses "images of 28x28 pixels, these are [200, 14, 56, 1]" train --data wide --batch 16 --output x
refuses "199 is the most" train --data few --batch 16 --neighbours 200 --iterations 1 --output few_x
refuses "--attributes is 0.0, but the run was started with" train --paper --output usual --resume
"$program" train --paper --neighbour-share 0.25 --data few --batch 16 --iterations 1 --output paper >/dev/null
"$program" sample --run paper >/dev/null
grep -aq '\\"neighbour-share\\":0.25' paper/checkpoint.safetensors || fail "--paper overrode what was given"
grep -aq '\\"consistency\\":0.0' paper/checkpoint.safetensors || fail "--paper left consistency on"

# A study of several seeds: finished ones are read, other settings are refused.
study=(study --data few --batch 16 --iterations 3 --output study)
status=0
"$program" "${study[@]}" --seeds 0,2 >first.log || status=$?
[ "$status" -eq 0 ] || fail "a study of data of which nothing is asked ended with $status: $(cat first.log)"
grep -q "^2 seeds of few" first.log || fail "no summary of two seeds: $(cat first.log)"
"$program" "${study[@]}" --seeds 0,2 >second.log || true
diff <(sed -n '/^2 seeds/,$p' first.log) <(sed -n '/^2 seeds/,$p' second.log) >/dev/null || fail "a finished study changed"
! grep -q "fresh samples" second.log || fail "a finished seed was judged again"
refuses "was trained with other settings" "${study[@]}" --seeds 0 --lambda-categorical 3
refuses "seed" "${study[@]}" --seed 3
for seeds in "" 3..1 0..5000 1,1 a 1..2..3 -1; do refuses "--seeds" "${study[@]}" --seeds "$seeds"; done
[ ! -e x ] || fail "a refused run left a folder behind"
