# Sourced by tools/run and tools/test: creates the virtual environment, installs
# what is missing, and sets $root (the project) and $python (the environment's).
# DBAL_TF_VENV is the environment's folder; the default is .venv.

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
venv=${DBAL_TF_VENV:-$root/.venv}
[[ $venv == /* ]] || venv=$PWD/$venv
python=$venv/bin/python

fail() {
    echo "dbal_tf: $*" >&2
    exit 1
}

version_of() {
    "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null
}

is_supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

# Sets $base to a Python that can create the environment.
find_python() {
    local candidate version found='no python3' without_venv=''
    for candidate in python3 python3.11 python3.12 python3.13; do
        version=$(version_of "$candidate") || continue
        if ! is_supported "$candidate"; then
            found="$candidate $version"
        elif "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            base=$candidate
            return
        else
            without_venv=${version%.*}
        fi
    done
    [[ -z $without_venv ]] || fail "Python $without_venv has no venv module; install it" \
        "(Debian and Ubuntu: apt install python$without_venv-venv) and run this again."
    fail "found $found, but Python 3.11, 3.12 or 3.13 is needed; install one (Debian and" \
        "Ubuntu: apt install python3.12 python3.12-venv) and run this again."
}

# An installation takes about 3 GB, and its downloads take another one temporarily.
check_disk() {
    local folder=$venv free_mb
    while [[ ! -d $folder ]]; do folder=$(dirname -- "$folder"); done
    free_mb=$("$base" -c \
        'import shutil, sys; print(shutil.disk_usage(sys.argv[1]).free >> 20)' "$folder")
    ((free_mb >= 4000)) || fail "$folder has $free_mb MB free, but TensorFlow and the rest" \
        "need about 4000 MB; free some, or set DBAL_TF_VENV to a folder on a larger disk."
}

# Sets $base to the Python to use, the environment's own if it exists, or fails with a reason.
check() {
    local version
    if version=$(version_of "$python"); then
        is_supported "$python" || fail "$venv has Python $version, but 3.11, 3.12 or 3.13 is" \
            "needed; delete that folder, or set DBAL_TF_VENV to another, and run this again."
        base=$python
    elif [[ -f $venv/pyvenv.cfg || -z $(ls -A "$venv" 2>/dev/null) ]]; then
        find_python
    else
        fail "$venv is no virtual environment; set DBAL_TF_VENV to a new folder and run" \
            "this again."
    fi
    compgen -G "$venv/lib/python3*/site-packages/tensorflow" >/dev/null || check_disk
}

# Also completes an interrupted installation.
install() {
    local pip=("$python" -m pip install --quiet --no-input --disable-pip-version-check)
    { [[ $base == "$python" ]] || "$base" -m venv --clear "$venv"; } &&
        { "$python" -c 'import pip' 2>/dev/null || "$python" -m ensurepip --upgrade; } &&
        "${pip[@]}" --requirement "$root/requirements.txt" &&
        "${pip[@]}" --no-deps --editable "$root"
}

set_up() {
    local wanted log stamp=$venv/dbal_tf.stamp
    wanted=$({ echo "$root" && cat "$root/requirements.txt" "$root/setup.py"; } | cksum)
    if [[ $(cat "$stamp" 2>/dev/null) == "$wanted" ]] && is_supported "$python"; then
        return
    fi
    check
    echo "Installing TensorFlow and the rest into ${venv#"$root"/}" \
        "(once, about two minutes) ..." >&2
    rm -f "$stamp"
    log=$(mktemp)
    if ! install >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        fail "the installation into $venv failed, as said above; run this again to go on."
    fi
    rm -f "$log"
    echo "$wanted" >"$stamp"
}

set_up
