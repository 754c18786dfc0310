# Sourced by the tests of single programs: program and folder from the command line, and ways to fail.
#
#   bash NAME_program_test.sh PROGRAM FOLDER
set -euo pipefail
program=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"

fail() {
  echo "$(basename "$0"): $1" >&2
  exit 1
}

# try ARGUMENT...: runs the program into the file `out`. It may miss what theory says: status 1, but nothing worse.
try() {
  local status=0
  "$program" "$@" >out 2>&1 || status=$?
  [ "$status" -le 1 ] || fail "$* ended with $status: $(cat out)"
  sed -i '/ images\/s /d' out  # progress, which differs from run to run
}

# refuses TEXT ARGUMENT...: the program must fail with TEXT in what it prints.
refuses() {
  local text=$1 output
  shift
  if output=$("$program" "$@" 2>&1); then fail "$* was accepted"; fi
  [[ $output == *"$text"* ]] || fail "$* printed '$output', not '$text'"
}

# repeatable ARGUMENT...: prints the same on one and on three threads, left in the file `first`; another seed prints
# something else.
repeatable() {
  # On two cores one of three threads waits for its turn, and another would spin meanwhile.
  OMP_NUM_THREADS=3 OMP_WAIT_POLICY=passive try "$@"
  mv out first
  OMP_NUM_THREADS=1 try "$@"
  cmp -s out first || fail "$* printed something else on one thread"
  try "$@" --seed 1234
  ! cmp -s out first || fail "$*: another seed gave the same"
}

# chart FILE: it must be a whole SVG.
chart() { grep -q "</svg>" "$1" || fail "$1 is no chart"; }

# make_digits FOLDER TRAIN TEST: a data set of so many training and test images, strokes at random.
make_digits() {
  python3 - "$@" <<'END'
import os, random, struct, sys
random.seed(1)
folder = sys.argv[1]
os.mkdir(folder)
for part, count in ('train', int(sys.argv[2])), ('t10k', int(sys.argv[3])):
    images, labels = bytearray(), bytearray()
    for i in range(count):
        label, image = i % 10, bytearray(784)
        for t in range(20):
            x, y = 6 + label + random.randrange(3), 4 + t
            image[28 * y + x] = image[28 * y + x + 1] = 255
        images += image
        labels.append(label)
    open(f'{folder}/{part}-images-idx3-ubyte', 'wb').write(struct.pack('>4I', 0x803, count, 28, 28) + images)
    open(f'{folder}/{part}-labels-idx1-ubyte', 'wb').write(struct.pack('>2I', 0x801, count) + labels)
END
}

# resumes STEM ARGUMENT...: `train ARGUMENT... --output STEM_whole` in one go, and the same into STEM_parts, stopped on
# the way and resumed, must leave the same checkpoint.
resumes() {
  local stem=$1 status=0
  shift
  "$program" train "$@" --output "${stem}_whole" >out
  "$program" train "$@" --output "${stem}_parts" >out &
  local pid=$!
  for _ in $(seq 200); do [ -s "${stem}_parts/metrics.jsonl" ] && break; sleep 0.05; done
  kill -TERM "$pid"
  wait "$pid" || status=$?
  [ "$status" -eq 130 ] || fail "stopping gave exit status $status, not 130: $(cat out)"
  grep -q "Add --resume to go on" out || fail "stopping did not say how to go on"
  OMP_NUM_THREADS=1 "$program" train "$@" --output "${stem}_parts" --resume >out
  cmp -s "${stem}_whole/checkpoint.safetensors" "${stem}_parts/checkpoint.safetensors" ||
    fail "the resumed run differs from the unbroken one"
  cmp -s "${stem}_whole/metrics.jsonl" "${stem}_parts/metrics.jsonl" || fail "the metrics of the resumed run differ"
}
