# Sourced by the set-up scripts: installs missing Debian packages, saying which and why, with sudo where not root.

# need_packages WHY PACKAGE...: quiet when nothing is missing.
need_packages() {
  local why=$1 package missing=()
  shift
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null; then
    echo "$why needs these Debian packages or their equivalents: ${missing[*]}" >&2
    return 0
  fi
  local sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  echo "Installing ${missing[*]} ($why)${sudo:+, with sudo}"
  local log
  log=$(mktemp)
  if ! { "${sudo[@]}" apt-get update && "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
         apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "Could not install ${missing[*]}; the end of apt-get's output stands above." >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

# quietly WHAT COMMAND...: shows the command's output only when it fails.
quietly() {
  local what=$1 log status=0
  shift
  log=$(mktemp)
  echo "$what"
  "$@" >"$log" 2>&1 || status=$?
  [ "$status" -eq 0 ] || { tail -n 60 "$log" >&2; echo "Failed ($status): $*" >&2; }
  rm -f "$log"
  return "$status"
}
