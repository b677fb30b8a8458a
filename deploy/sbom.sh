#!/bin/sh
# usage: deploy/sbom.sh [ROOT]
# Prints what a Debian root file system with the provider in it consists of (this one, without ROOT), as SPDX 2.3 in JSON: every
# package that dpkg has installed there, and the provider itself. The Dockerfile has it run in the image. It needs no more than
# an image of Debian has, and states what is known: the licences are in each package's copyright file and not guessed.
# SOURCE_DATE_EPOCH, if given, is the time that it says it was made.
set -eu

root=${1:-}
program=$root/usr/local/bin/wascc-keyvalue
[ -r "$program" ] || program=$root/usr/bin/wascc-keyvalue
if ! [ -r "$program" ] || ! [ -r "$root/var/lib/dpkg/status" ]; then
    echo "sbom: there is no provider, or no dpkg, in ${root:-/}" >&2
    exit 66
fi
version=$(chroot "${root:-/}" "${program#"$root"}" --version)
version=${version#wascc-keyvalue }
sum=$(sha256sum "$program")
created=$(date -u ${SOURCE_DATE_EPOCH:+-d "@$SOURCE_DATE_EPOCH"} +%Y-%m-%dT%H:%M:%SZ)
release=$(sed -n -e 's/^VERSION_ID="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$root/usr/lib/os-release")

# shellcheck disable=SC2016 # dpkg fills these in.
dpkg-query --admindir="$root/var/lib/dpkg" -W \
    -f '${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${Homepage}\n' |
    LC_ALL=C sort -k 2 |
    awk -F '\t' -v version="$version" -v sum="${sum%% *}" -v created="$created" -v release="$release" '
    # Names and versions of packages have no character that JSON or a URL would want escaped, but these.
    function url(text) { gsub(/%/, "%25", text); gsub(/\+/, "%2B", text); gsub(/:/, "%3A", text); return text }
    function json(text) { gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text); return text }
    BEGIN {
        print "{\"spdxVersion\":\"SPDX-2.3\",\"dataLicense\":\"CC0-1.0\",\"SPDXID\":\"SPDXRef-DOCUMENT\","
        print "\"name\":\"wascc-keyvalue\",\"documentNamespace\":\"https://spdx.org/spdxdocs/wascc-keyvalue-" sum "-" url(created) "\","
        print "\"creationInfo\":{\"created\":\"" created "\",\"creators\":[\"Tool: wascc-keyvalue-deploy-sbom.sh\"]},"
        print "\"documentDescribes\":[\"SPDXRef-wascc-keyvalue\"],\"packages\":["
        short = version
        sub(/ .*/, "", short)
        printf "{\"SPDXID\":\"SPDXRef-wascc-keyvalue\",\"name\":\"wascc-keyvalue\",\"versionInfo\":\"%s\",", json(version)
        printf "\"supplier\":\"Organization: The wascc-keyvalue authors\",\"downloadLocation\":\"NOASSERTION\",\"filesAnalyzed\":false,"
        printf "\"checksums\":[{\"algorithm\":\"SHA256\",\"checksumValue\":\"%s\"}],", sum
        printf "\"licenseConcluded\":\"Apache-2.0\",\"licenseDeclared\":\"Apache-2.0\",\"copyrightText\":\"NOASSERTION\","
        printf "\"externalRefs\":[{\"referenceCategory\":\"PACKAGE-MANAGER\",\"referenceType\":\"purl\","
        printf "\"referenceLocator\":\"pkg:generic/wascc-keyvalue@%s\"}]}", url(short)
    }
    $1 ~ /^.i/ {
        id = $2
        gsub(/[^A-Za-z0-9.-]/, "-", id)
        # Of two architectures there could be one each.
        if ($2 in seen) id = id "-" $4
        seen[$2]
        ids[++count] = "SPDXRef-deb-" id
        printf ",\n{\"SPDXID\":\"%s\",\"name\":\"%s\",\"versionInfo\":\"%s\",", ids[count], $2, $3
        printf "\"supplier\":\"Organization: Debian\",\"downloadLocation\":\"NOASSERTION\",\"filesAnalyzed\":false,"
        if ($6 ~ /^https?:/) printf "\"homepage\":\"%s\",", json($6)
        printf "\"sourceInfo\":\"built from the source package %s\",", $5
        printf "\"licenseConcluded\":\"NOASSERTION\",\"licenseDeclared\":\"NOASSERTION\",\"copyrightText\":\"NOASSERTION\","
        printf "\"externalRefs\":[{\"referenceCategory\":\"PACKAGE-MANAGER\",\"referenceType\":\"purl\","
        printf "\"referenceLocator\":\"pkg:deb/debian/%s@%s?arch=%s&distro=debian-%s\"}]}", url($2), url($3), $4, release
    }
    END {
        print "],\n\"relationships\":["
        printf "{\"spdxElementId\":\"SPDXRef-DOCUMENT\",\"relationshipType\":\"DESCRIBES\",\"relatedSpdxElement\":\"SPDXRef-wascc-keyvalue\"}"
        for (i = 1; i <= count; i++)
            printf ",\n{\"spdxElementId\":\"SPDXRef-wascc-keyvalue\",\"relationshipType\":\"DEPENDS_ON\",\"relatedSpdxElement\":\"%s\"}", ids[i]
        print "]}"
    }'
