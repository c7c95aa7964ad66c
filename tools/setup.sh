#!/bin/sh
# Installs what is missing from the distribution (Debian 12): setup.sh GROUP...
#
#   build   compiles c8s          run    a container runtime, a registry and what the example images are made of
#   test    programs that tests use   fuzz   a compiler that fuzzes   check   installs nothing, prints what is missing
#
# Packages that are there stay as they are. No service is started; services that come with a package installed here
# are also left disabled, for c8s runs programs of its own.
set -eu

build="gcc g++ make meson ninja-build pkg-config ccache python3 libssl-dev libnghttp2-dev libyaml-dev zlib1g-dev libre2-dev
libnftnl-dev libmnl-dev libseccomp-dev libcap-dev liblmdb-dev libcmocka-dev"
run="ca-certificates containernetworking-plugins nftables iptables iproute2 nginx docker-registry"
test="openssl curl procps"
fuzz="clang llvm libclang-rt-14-dev"

fail() { echo "setup: $*" >&2; exit 1; }
installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
have() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1; }

groups=${*:-build run test fuzz}
only_check=
wanted=
for g in $groups; do
    case $g in
    build) wanted="$wanted $build" ;;
    run)
        wanted="$wanted $run"
        # Another vendor's runtime or busybox is used as it is: the distribution's would push it out.
        have containerd || wanted="$wanted containerd"
        have runc || wanted="$wanted runc"
        installed busybox || wanted="$wanted busybox-static" ;;
    test) wanted="$wanted $test" ;;
    fuzz) wanted="$wanted $fuzz" ;;
    check) only_check=1; wanted="$wanted $build $run $test $fuzz" ;;
    *) fail "unknown group '$g'; there are build, run, test, fuzz and check" ;;
    esac
done

missing=
for p in $wanted; do installed "$p" || missing="$missing $p"; done
yaml=
if have python3 && ! python3 -c 'import yaml' 2>/dev/null; then yaml=1; fi
case $(command -v python3) in
''|/usr/bin/python3) [ -z "$yaml" ] && have python3 || { missing="$missing python3-yaml"; yaml=; } ;;
esac
if [ -n "$only_check" ]; then
    echo "missing:${missing:- nothing}${yaml:+ PyYAML}"
    exit 0
fi
[ -n "$missing$yaml" ] || exit 0

have apt-get || fail "this installs packages with apt-get, which is not here; install what corresponds to:$missing"
[ "$(id -u)" = 0 ] || fail "packages are missing, installing them needs root: sudo sh tools/setup.sh $groups"

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
kept=
# While packages install, no service may start; afterwards the policy is what it was.
restore() {
    if [ -n "$kept" ]; then mv -f "$kept" $policy; elif [ -n "${ours:-}" ]; then rm -f $policy; fi
    rm -f "$log"
}
trap restore EXIT
trap 'exit 1' INT TERM HUP
if [ -e $policy ]; then cp -p $policy $policy.c8s && kept=$policy.c8s; fi
ours=1
printf '#!/bin/sh\nexit 101\n' >$policy
chmod 755 $policy

# Units that are started at boot; those that packages installed here add to them are taken out again.
enabled() { find /etc/systemd/system -name '*.service' -path '*.wants/*' 2>/dev/null | sort; }
disable_new() {
    for unit in $(enabled); do
        case " $before " in *" $unit "*) continue ;; esac
        name=$(basename "$unit" .service)
        if have systemctl; then systemctl disable "$name"; else rm -f "$unit"; fi
        if [ -e "/etc/init.d/$name" ]; then update-rc.d "$name" disable; fi
    done >/dev/null 2>&1
}
install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 </dev/null
}

if [ -n "$missing" ]; then
    echo "setup: installing$missing"
    before=$(enabled | tr '\n' ' ')
    # shellcheck disable=SC2086
    install $missing || { apt-get update -q >/dev/null 2>&1 || true; install $missing; } ||
        fail "apt-get could not install them ($(grep -m1 '^E:' "$log" || tail -n 1 "$log"))"
    disable_new
fi
if [ -n "$yaml" ] && ! python3 -c 'import yaml' 2>/dev/null; then
    echo "setup: installing PyYAML for $(command -v python3)"
    python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore pyyaml >"$log" 2>&1 ||
        fail "python3 ($(command -v python3)) has no module yaml and pip could not install it ($(tail -n 1 "$log"))"
fi
