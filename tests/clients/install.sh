#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install the real clients that the tests of the endpoint drive: boto3 and awscli from Debian, the
# JavaScript SDK (pinned in package.json) from npm into build/clients. Only the tests need them.
# usage: tests/clients/install.sh python|aws|js    ends with 0 when that client is there
set -eu
cd "$(dirname "$0")/../.."

debian() {
    dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed' && return 0
    [ "$(id -u)" -eq 0 ] || return 1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$1" >/dev/null 2>&1
}

case ${1:-} in
python) debian python3-boto3 ;;
aws) debian awscli ;;
js)
    command -v npm >/dev/null || exit 1
    mkdir -p build/clients
    if ! cmp -s tests/clients/package.json build/clients/package.json ||
        [ ! -d build/clients/node_modules/@aws-sdk/client-personalize-runtime ]; then
        cp tests/clients/package.json build/clients/package.json
        (cd build/clients && timeout 120 npm install --no-audit --no-fund --silent >/dev/null 2>&1) || {
            rm -f build/clients/package.json
            exit 1
        }
    fi
    ;;
*) echo "usage: $0 python|aws|js" >&2 && exit 2 ;;
esac
