#!/bin/sh
# Install reelhaul on a device from this folder, without a network. `install.sh --help` says how, README what for.
set -eu
umask 022

usage() {
    cat <<'END'
usage: install.sh [--python PROGRAM] [--root DIR]
       install.sh --uninstall [--purge] [--root DIR]

  --python PROGRAM  the Python to run the client with (default: python3, else the newest of its kind that fits)
  --uninstall       stop and remove the client, its units and its rule; settings, token, spool and user stay
  --purge           with --uninstall: remove those as well, unless the spool holds parts that are not home
  --root DIR        below this folder instead of /: makes no user and starts nothing (to try it, or to build an image)

Run it again at any time: it brings up to date what differs, and keeps settings, token and spool.
exit codes: 0 done; 1 refused or failed, and it says why; 2 usage.
END
}

tell() {
    printf '%-7s%s\n' "$1" "$2"
}

# What is wrong, and one step that helps.
fail() {
    printf 'install.sh: %s\n' "$1" >&2
    [ -z "${2-}" ] || printf '  %s\n' "$2" >&2
    exit 1
}

refuse_usage() {
    printf 'install.sh: %s\n' "$1" >&2
    usage >&2
    exit 2
}

about() {
    sed -n "s/^$1 //p" "$here/about"
}

# --- what there is ---------------------------------------------------------------------------------------------------

check_user() {
    [ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "not root" "run it as root: sudo $0"
}

check_bundle() {
    [ -e "$here/SHA256SUMS" ] && [ -e "$here/about" ] ||
        fail "this folder is not the unpacked archive: $here" "unpack the archive, and run the install.sh in it"
    if ! damaged=$(cd "$here" && sha256sum --check --strict SHA256SUMS 2>&1); then
        printf '%s\n' "$damaged" | grep -v ': OK$' >&2 || true
        fail "the unpacked archive is damaged" "unpack it again; compare the archive with its .sha256 before"
    fi
    tell found "archive reelhaul $(about version), commit $(about commit)"
}

check_machine() {
    machine=$(uname -m)
    case " $(about machines) " in
        *" $machine "*) ;;
        *) fail "this machine is $machine; the archive is for $(about machines)" "see docs/device.md, What it needs" ;;
    esac
    [ "$(uname -s)" = Linux ] || fail "this is $(uname -s), not Linux"
    release=$(uname -r)
    tell found "machine $machine, Linux $release"
    major=${release%%.*} minor=${release#*.}
    minor=${minor%%[!0-9]*}
    if [ "$major" -lt 5 ] || { [ "$major" = 5 ] && [ "$minor" -lt 7 ]; }; then
        tell note "Linux older than 5.7: the units need CAP_NET_RAW, see docs/device.md, The units"
    fi
}

# What the installer must know of a Python, in one line.
ASK='
import platform, struct, sys, os
try:
    import ensurepip, venv
    has_venv = "venv"
except ImportError:
    has_venv = "no-venv"
name, libc = platform.libc_ver()
old = name != "glibc" or tuple(map(int, libc.split(".")[:2])) < (2, 28)
base = os.path.realpath(sys.base_prefix)
hidden = base.startswith(("/home/", "/root/", "/run/user/"))
facts = (struct.calcsize("P") * 8, has_venv, "old-libc" if old else "libc", "hidden" if hidden else "seen")
print("%d.%d %d %s %s %s" % (sys.version_info[:2] + facts))
'

# Set `python` to the first that fits. Say of each other one why it does not.
find_python() {
    python=
    reasons=
    if [ -n "$wanted" ]; then
        set -- "$wanted"
    else
        set -- python3 python3.13 python3.12 python3.11 python3.10
    fi
    for candidate in "$@"; do
        path=$(command -v "$candidate") || continue
        answer=$("$path" -c "$ASK" 2>/dev/null) || answer=
        reason=$(reason_against "$answer")
        if [ -z "$reason" ]; then
            python=$path
            tell found "Python ${answer%% *} ($path)"
            return
        fi
        reasons="$reasons$path: $reason; "
    done
    [ -n "$reasons" ] || fail "there is no ${wanted:-python3}" "sudo apt install python3 python3-venv"
    case $reasons in
        *venv*) step="sudo apt install python3-venv" ;;
        *) step="install Python $(about pythons | sed 's/ /, /g'), and name it with --python" ;;
    esac
    fail "no Python fits: ${reasons%; }" "$step"
}

reason_against() {
    version=${1%% *}
    case " $(about pythons) " in
        *" ${version:-none} "*) ;;
        *)
            if [ -z "$version" ]; then
                echo "it does not run, or is too old"
            elif [ "${version%%.*}" = 3 ] && [ "${version#*.}" -ge 10 ]; then
                echo "the archive has no wheels for Python $version"
            else
                echo "Python $version is too old"
            fi
            return
            ;;
    esac
    case $1 in
        *" 32 "*) echo "it is a 32-bit program" ;;
        *" no-venv "*) echo "Python $version without venv" ;;
        *" old-libc "*) echo "its C library is not glibc 2.28 or newer" ;;
        *" hidden") [ -n "$root" ] || echo "it is below a home, where the units cannot see it" ;;
    esac
}

check_systemd() {
    systemd=no
    if ! command -v systemctl >/dev/null; then
        tell note "no systemd here: units and rule are put in place, and nothing starts them"
        return
    fi
    version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
    if [ "${version:-0}" -lt 247 ]; then
        fail "systemd ${version:-of unknown version} is too old: the units need 247" "see docs/device.md, What it needs"
    fi
    if [ -n "$root" ] || [ ! -d /run/systemd/system ]; then
        tell found "systemd $version, which does not run here: nothing is started"
    else
        systemd=yes
        tell found "systemd $version"
    fi
}

check_room() {
    mkdir -p "$root/opt" || fail "cannot write to $root/opt"
    free_kb=$(df -Pk "$root/opt" | awk 'NR == 2 { print $4 }')
    if [ "$free_kb" -lt 102400 ]; then
        fail "the disk is full: $((free_kb / 1024)) MB are free in $root/opt, and 100 MB are needed" \
            "make room; the client that is installed, if any, is untouched"
    fi
}

find_install() {
    if [ -x "$root/opt/reelhaul/bin/reelhaul" ]; then
        before=$("$root/opt/reelhaul/bin/reelhaul" --version 2>/dev/null) || before="a client that does not run"
        tell found "installed: $before"
    else
        tell found "no client installed yet"
    fi
}

# --- what is made ----------------------------------------------------------------------------------------------------

make_user() {
    if [ -n "$root" ]; then
        return
    elif id reelhaul >/dev/null 2>&1; then
        tell kept "user reelhaul"
    else
        useradd --system --shell /usr/sbin/nologin reelhaul || fail "the user reelhaul cannot be made"
        tell made "user reelhaul"
    fi
}

# A folder for each archive and Python, so that the client that runs is never half of one and half of another.
make_client() {
    mark=$({ cat "$here/SHA256SUMS" && echo "$python" && "$python" -VV; } | sha256sum | cut -c1-8)
    client=/opt/reelhaul-$(about version)-$mark
    if [ -e "$root$client/complete" ] && "$root$client/bin/reelhaul" --version >/dev/null 2>&1; then
        tell kept "$root$client"
        return
    fi
    rm -rf "$root$client"
    trap 'rm -rf "$root$client"' EXIT
    trap 'exit 1' HUP INT TERM
    if ! failed=$(fill_client 2>&1); then
        printf '%s\n' "$failed" >&2
        case $failed in
            *"No space left"*) fail "the disk is full" "make room, and run it again; the client before is untouched" ;;
            *) fail "the client cannot be installed; its words are above" "the client before, if any, is untouched" ;;
        esac
    fi
    trap - EXIT HUP INT TERM
    tell made "$root$client"
}

fill_client() {
    "$python" -m venv "$root$client" || return 1
    "$root$client/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --no-cache-dir \
        --find-links "$here/wheels" --require-hashes --requirement "$here/requirements.txt" || return 1
    cp "$here/install.sh" "$root$client/install.sh" || return 1
    "$root$client/bin/reelhaul" --version || return 1
    sync
    touch "$root$client/complete"
}

# put FILE TARGET MODE: only what differs is written, and never half of it.
put() {
    if cmp -s "$here/device/$1" "$root$2"; then
        tell same "$root$2"
        return
    fi
    mkdir -p "$(dirname "$root$2")"
    if [ -e "$root$2" ]; then word=new; else word=made; fi
    if ! { cp "$here/device/$1" "$root$2.new" && chmod "$3" "$root$2.new" && mv "$root$2.new" "$root$2"; }; then
        fail "$root$2 cannot be written" "look whether the disk is full or read-only, and run it again"
    fi
    tell "$word" "$root$2"
}

keep_or_put_settings() {
    if [ -e "$root/etc/reelhaul/reelhaul.env" ]; then
        tell kept "$root/etc/reelhaul/reelhaul.env"
    else
        put reelhaul.env.example /etc/reelhaul/reelhaul.env 0644
    fi
    [ ! -e "$root/etc/reelhaul/token" ] || tell kept "$root/etc/reelhaul/token"
}

UNITS='reelhaul@.service reelhaul-audit@.service reelhaul-audit@.timer reelhaul-start.service'
PROGRAMS='reelhaul-at reelhaul-enroll reelhaul-start'
RULE=/etc/udev/rules.d/90-reelhaul.rules

put_files() {
    for unit in $UNITS; do
        put "$unit" "/etc/systemd/system/$unit" 0644
    done
    for program in $PROGRAMS; do
        put "$program" "/usr/local/bin/$program" 0755
    done
    put 90-reelhaul.rules "$RULE" 0644
}

# From here on /opt/reelhaul is the new client. What runs keeps the folder that it began with.
switch_client() {
    link=$root/opt/reelhaul
    if [ "$(readlink "$link" || true)" = "${client#/opt/}" ]; then
        return
    fi
    if [ -e "$link" ] && [ ! -L "$link" ]; then
        rm -rf "$link-by-hand"
        mv "$link" "$link-by-hand"
    fi
    ln -sfn "${client#/opt/}" "$link.new"
    mv -T "$link.new" "$link"
    tell new "$link is reelhaul $(about version)"
}

remove_older_clients() {
    for older in "$root"/opt/reelhaul-*; do
        if [ "$older" = "$root$client" ] || ! is_client "$older"; then
            continue
        fi
        rm -rf "$older"
        tell gone "$older"
    done
}

is_client() {
    case ${1##*/} in
        reelhaul-by-hand | reelhaul-[0-9]*-????????) [ -d "$1" ] && [ ! -L "$1" ] ;;
        *) false ;;
    esac
}

start_units() {
    ln -sfn ../reelhaul-start.service "$root/etc/systemd/system/multi-user.target.wants/reelhaul-start.service"
    [ "$systemd" = yes ] || return 0
    systemctl daemon-reload
    # Spool and card bear it: the new client takes over what waits.
    systemctl try-restart 'reelhaul@*.service' 'reelhaul-audit@*.service'
    if command -v udevadm >/dev/null; then
        udevadm control --reload
        # So that the rule sees what is plugged in already.
        udevadm trigger --action=change --subsystem-match=net --settle
        cameras=$(udevadm trigger --dry-run --verbose --subsystem-match=net \
            --property-match='SYSTEMD_WANTS=*reelhaul@*' | sed 's|.*/||' | tr '\n' ' ')
        tell found "cameras that are plugged in: ${cameras:-none}"
    fi
    [ ! -e /etc/reelhaul/token ] || /usr/local/bin/reelhaul-start
}

say_next() {
    if [ -e "$root/etc/reelhaul/token" ]; then
        tell next "nothing: this device is enrolled; a camera that is plugged in hauls itself"
    else
        tell next "sudo reelhaul-enroll https://ID.execute-api.REGION.amazonaws.com/api CODE"
        tell "" "(the address and the code come from the operator: reelhaul-admin invite)"
    fi
}

install_client() {
    check_user
    check_bundle
    check_machine
    find_python
    check_systemd
    check_room
    find_install
    make_client
    make_user
    keep_or_put_settings
    put_files
    switch_client
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    start_units
    remove_older_clients
    say_next
}

# --- what is taken away ----------------------------------------------------------------------------------------------

SPOOL=/var/lib/reelhaul

# A part stays until its chapter has its receipt: each one that is there may be the only copy of what it holds.
refuse_while_parts_wait() {
    [ -d "$root$SPOOL" ] || return 0
    parts=$(cd "$root$SPOOL" && find . -name '*.part') ||
        fail "$root$SPOOL cannot be read, so it is not known whether all of it is home" "$1"
    [ -n "$parts" ] || return 0
    {
        echo "install.sh: not purged, as the spool holds parts that are not home; how many of which chapter:"
        printf '%s\n' "$parts" | sed 's|^\./||; s|/[^/]*$||' | sort | uniq -c
        echo "  $1; bring them home: sudo reelhaul-at INTERFACE haul --new"
    } >&2
    exit 1
}

stop_units() {
    if [ -n "$root" ] || [ ! -d /run/systemd/system ]; then
        return
    fi
    systemctl stop 'reelhaul-audit@*.timer' 'reelhaul@*.service' 'reelhaul-audit@*.service'
    tell ended "the units are stopped"
}

take_away() {
    for path in "$@"; do
        if [ -e "$path" ] || [ -L "$path" ]; then
            rm -rf "$path"
            tell gone "$path"
        fi
    done
}

take_away_clients() {
    for older in "$root"/opt/reelhaul-*; do
        if is_client "$older"; then
            take_away "$older"
        fi
    done
    take_away "$root/opt/reelhaul"
}

forget_units() {
    if [ -n "$root" ] || [ ! -d /run/systemd/system ]; then
        return
    fi
    systemctl daemon-reload
    systemctl reset-failed 'reelhaul*' 2>/dev/null || true
    udevadm control --reload
    udevadm trigger --action=change --subsystem-match=net
}

purge_or_keep() {
    if [ "$purge" = no ]; then
        for path in "$root/etc/reelhaul" "$root$SPOOL"; do
            [ ! -e "$path" ] || tell kept "$path"
        done
        [ -n "$root" ] || ! id reelhaul >/dev/null 2>&1 || tell kept "user reelhaul"
        return
    fi
    # The spool may be a disk of its own.
    if mountpoint -q "$root$SPOOL" 2>/dev/null; then
        find "$root$SPOOL" -mindepth 1 -delete
        tell gone "all below $root$SPOOL"
    else
        take_away "$root$SPOOL"
    fi
    take_away "$root/etc/reelhaul" "$root/run/reelhaul"
    if [ -z "$root" ] && id reelhaul >/dev/null 2>&1; then
        userdel reelhaul
        tell gone "user reelhaul"
    fi
    tell next "have the operator revoke this device: reelhaul-admin revoke --device DEVICE_ID"
}

uninstall() {
    check_user
    [ "$purge" = no ] || refuse_while_parts_wait "nothing was changed"
    stop_units
    [ "$purge" = no ] || refuse_while_parts_wait "the units are stopped, and nothing else was changed"
    for unit in $UNITS; do
        take_away "$root/etc/systemd/system/$unit"
    done
    take_away "$root"/etc/systemd/system/*.wants/reelhaul@*.service
    take_away "$root"/etc/systemd/system/*.wants/reelhaul-audit@*.timer
    take_away "$root/etc/systemd/system/multi-user.target.wants/reelhaul-start.service"
    for program in $PROGRAMS; do
        take_away "$root/usr/local/bin/$program"
    done
    take_away "$root$RULE"
    take_away_clients
    forget_units
    purge_or_keep
}

# --- the command -----------------------------------------------------------------------------------------------------

main() {
    here=$(cd "$(dirname "$0")" && pwd)
    root='' wanted='' action=install_client purge=no
    while [ $# -gt 0 ]; do
        case $1 in
            --help | -h)
                usage
                exit 0
                ;;
            --uninstall) action=uninstall ;;
            --purge) purge=yes ;;
            --python | --root)
                [ $# -ge 2 ] && [ -n "$2" ] || refuse_usage "$1 needs a value"
                if [ "$1" = --python ]; then wanted=$2; else root=$2; fi
                shift
                ;;
            *) refuse_usage "there is no option $1" ;;
        esac
        shift
    done
    [ "$purge" = no ] || [ "$action" = uninstall ] || refuse_usage "--purge goes with --uninstall"
    if [ -n "$root" ]; then
        root=$(cd "$root" 2>/dev/null && pwd) || refuse_usage "--root is not a folder"
        [ "$root" != / ] || root=''
    fi
    "$action"
}

main "$@"
