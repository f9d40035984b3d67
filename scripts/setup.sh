#!/bin/sh
# Installs the system packages that Modurust needs and this machine lacks.
#
#   scripts/setup.sh play     to build and play
#   scripts/setup.sh test     to run every test as well
#
# What is missing is found by looking for the tools and libraries themselves, so anything that was installed in another way
# counts. On Debian, Ubuntu and their kin it says what it installs and installs it, as root or by sudo, without questions. On
# other systems it says what to install. When nothing is missing it does nothing and says nothing.
#
# The tests of the language server and of OSC speak with them through what others wrote: pygls and python-osc. These go into
# target/lsp-client and target/osc-client, by pip and of fixed versions. Without a network the tests go on without them and say so.
#
# MODURUST_NO_INSTALL=1 skips all of it.
set -eu

say() { printf 'modurust: %s\n' "$*"; }
fail() { printf 'modurust: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
library() { has pkg-config && pkg-config --exists "$1" >/dev/null 2>&1; }
links() { has cc && printf 'int main(void) { return 0; }\n' | cc -x c -o "$scratch/links" - >/dev/null 2>&1; }

goal=${1:-play}
case $goal in
play | test) ;;
*) fail "unknown goal '$goal': write 'play' or 'test'" ;;
esac

if [ "${MODURUST_NO_INSTALL:-0}" = 1 ]; then
    exit 0
fi

has cargo || fail "there is no Rust here: install it from https://rustup.rs, open a new terminal and try again"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
system=$(uname -s)

# What is missing: Debian's package names, then what each is for.
packages=
reasons=
optional=
need() {
    packages="$packages $1"
    reasons="$reasons
  $1: $2"
}

if [ "$system" = Linux ]; then
    if ! links; then
        need gcc "compiler driver, with which Rust links"
        need libc6-dev "what every program is linked with"
    fi
    has pkg-config || need pkg-config "finds libraries"
    library alsa || need libasound2-dev "sound cards"
    if [ "$goal" = test ]; then
        library libudev || need libudev-dev "gamepads, for the feature that hears them"
        library jack || need libjack-jackd2-dev "sound server, for the tests that play through one"
        has tmux || need tmux "terminal for the tests that type into one"
        has jackd || need jackd2 "sound server, for the tests that play through one"
        python3 -c 'import ensurepip, venv' 2>/dev/null || need python3-venv "Python, for the client that tests the language server"
        has nvim || need neovim "editor, in which the language server is tried"
        has Xvfb || need xvfb "a screen without a screen, for the tests of the window"
        graphics=
        for name in libGL.so.1 libEGL.so.1 libX11-xcb.so.1 libXcursor.so.1 libXi.so.6 libXrandr.so.2 libxkbcommon-x11.so.0; do
            { ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | grep -q "$name" || graphics=missing
        done
        if [ -n "$graphics" ]; then
            for name in libgl1 libegl1 libgl1-mesa-dri libx11-xcb1 libxcursor1 libxi6 libxrandr2 libxkbcommon-x11-0; do
                need "$name" "drawing, for the tests of the window"
            done
        fi
        has oscsend || need liblo-tools "programs that send OSC, for the tests that are played by them"
        optional="libudev-dev libjack-jackd2-dev jackd2 python3-venv tmux neovim liblo-tools xvfb libgl1 libegl1 libgl1-mesa-dri libx11-xcb1 libxcursor1 libxi6 libxrandr2 libxkbcommon-x11-0"
    fi
elif ! links; then
    need cc "compiler driver, with which Rust links"
fi

# A folder with clients in Python, of fixed versions. Those of other versions make way.
client() {
    folder=$1
    shift
    if [ "$(cat "$folder/installed" 2>/dev/null)" = "$*" ]; then
        return
    fi
    say "installing $* into $folder"
    rm -rf "$folder"
    if python3 -m venv "$folder" >"$log" 2>&1 &&
        "$folder/bin/python" -m pip install -q --disable-pip-version-check "$@" >>"$log" 2>&1; then
        printf '%s\n' "$*" >"$folder/installed"
    else
        tail -3 "$log" >&2
        say "going on without: the tests that need it say that they are skipped"
    fi
}

finish() {
    if [ "$goal" = test ]; then
        client target/lsp-client pygls==2.1.1 lsprotocol==2025.0.0
        client target/osc-client python-osc==1.10.2
    fi
    exit 0
}

[ -n "$packages" ] || finish

if ! has apt-get; then
    say "this machine lacks:$reasons"
    case $system in
    Darwin) say "install the command line tools: xcode-select --install" ;;
    Linux)
        say "those are Debian's names; install the like of them, for instance"
        if [ "$goal" = test ]; then
            say "  Fedora: dnf install gcc pkgconf-pkg-config alsa-lib-devel jack-audio-connection-kit-devel jack-audio-connection-kit python3 tmux neovim liblo xorg-x11-server-Xvfb mesa-dri-drivers"
            say "  Arch:   pacman -S gcc pkgconf alsa-lib jack2 python tmux neovim liblo xorg-server-xvfb mesa"
            say "  SUSE:   zypper install gcc pkg-config alsa-devel libjack-devel jack python3 tmux neovim liblo-tools"
        else
            say "  Fedora: dnf install gcc pkgconf-pkg-config alsa-lib-devel"
            say "  Arch:   pacman -S gcc pkgconf alsa-lib"
            say "  SUSE:   zypper install gcc pkg-config alsa-devel"
        fi
        ;;
    esac
    for package in $packages; do
        case " $optional " in
        *" $package "*) ;;
        *) fail "and try again (MODURUST_NO_INSTALL=1 goes on without)" ;;
        esac
    done
    say "going on without: tests that need one of these say that they are skipped"
    finish
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    has sudo || fail "cannot install without root or sudo (MODURUST_NO_INSTALL=1 goes on without); as root run: apt-get install$packages"
    as_root=sudo
fi

say "installing what is missing:$reasons"

# shellcheck disable=SC2086 # The names are meant to be split.
install() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 \
        install -y --no-install-recommends $packages >"$log" 2>&1
}

# A fresh machine has no list of packages, or an old one: then the list is fetched and all is tried once more.
if ! install; then
    say "fetching the list of packages"
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 update >"$log" 2>&1 || cat "$log" >&2
    if ! install; then
        cat "$log" >&2
        fail "apt-get could not install:$packages"
    fi
fi
say "installed"
finish
