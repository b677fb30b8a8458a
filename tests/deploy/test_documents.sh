#!/usr/bin/env bash
# The documents are true: each ```sh block of README.md, deploy/docs and .github runs, in the order of its document, in a fresh copy of
# the tree with a real nats-server and the built program in build/; what a ```text block right behind it shows is what it prints.
# Every link within the tree leads somewhere, README stays short, and options.md has every option.
# Prints a line `ok NAME`, `not ok NAME` or `skip NAME reason` a test; what lies behind them is shown on failure.
#
# A comment right above a block is for this test:
#   <!-- not run: REASON -->             its syntax is checked only, and the reason is printed as a skip
#   <!-- after: README.md "HEADING" -->  the document goes on where README's blocks up to the end of that section have led
# In what is shown, … stands for anything within a line, and a line … for any number of lines.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PATH=$PATH:/usr/sbin:/sbin

if [[ "$#" -ne 1 || "$1" == -h || "$1" == --help ]]; then
    printf 'usage: tests/deploy/test_documents.sh PROGRAM\n\nPROGRAM is the wascc-keyvalue of a build tree.\n'
    exit 0
fi
PROGRAM=$(realpath "$1")
readonly PROGRAM MOST_WORDS=1700
# What one document's blocks may take, with a loaded machine in mind.
readonly SECONDS_A_DOCUMENT=120

failures=0 lo_up="" work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ok()
{
    printf 'ok documents: %s\n' "$1"
}

not_ok()
{
    printf 'not ok documents: %s\n' "$1"
    failures=$((failures + 1))
}

# --- Blocks out of a document --------------------------------------------------------------------------------------------

# extract FILE FOLDER: writes each block as FOLDER/NNN.sh, with NNN.about (`LINE<tab>HEADING<tab>MARKER`) and, where something is shown
# right behind it, NNN.shown.
extract()
{
    awk -v folder="$2" '
    function begin(name) { inside = 1; out = folder "/" sprintf("%03d", count) name; printf "" >out }
    inside && /^```$/ { inside = 0; close(out); next }
    inside { print >out; next }
    /^```sh$/ {
        count++
        printf "%d\t%s\t%s\n", NR, heading, marker >(folder "/" sprintf("%03d", count) ".about")
        begin(".sh"); shows = 1; marker = ""; next
    }
    /^```text$/ && shows { begin(".shown"); shows = 0; next }
    /^```/ { inside = 1; out = "/dev/null"; shows = 0; next }
    /^#+ / { heading = $0; sub(/^#+ /, "", heading) }
    /^<!-- .* -->$/ { marker = $0; sub(/^<!-- /, "", marker); sub(/ -->$/, "", marker); next }
    /./ { shows = 0; marker = "" }' "$1"
}

# about BLOCK FIELD: 1 its line, 2 the heading that it stands under, 3 the marker.
about()
{
    cut -f "$2" "${1%.sh}.about"
}

# needed_tool BLOCK: prints a program that the block calls and that is not here.
needed_tool()
{
    local tool
    for tool in nats jq openssl; do
        if grep -q -E "(^|[|;&(] *)$tool " "$1" && ! command -v "$tool" >/dev/null; then
            printf '%s\n' "$tool"
            return
        fi
    done
}

# why_not BLOCK: prints why it is not run here, or nothing.
why_not()
{
    local marker tool
    marker=$(about "$1" 3)
    if [[ "$marker" == 'not run: '* ]]; then
        printf '%s\n' "${marker#not run: }"
        return
    fi
    tool=$(needed_tool "$1")
    [[ -z "$tool" ]] || printf '%s is not on this machine\n' "$tool"
}

# --- Running them --------------------------------------------------------------------------------------------------------

# The blocks share one shell, as they would at a terminal; a command that fails ends it.
# shellcheck disable=SC2016 # Perl's, the other shell's and Markdown's own signs, here and below.
readonly DRIVER='set -eE -o pipefail
for block; do
    printf "%s\n" "$block" >"$WORK/at"
    exec >"${block%.sh}.got" 2>"${block%.sh}.errors" </dev/null
    . "$block"
done
printf "end\n" >"$WORK/at"'

# Ports and names of a network of their own, where the machine permits that.
choose_network()
{
    # SIOCSIFFLAGS with IFF_UP.
    # shellcheck disable=SC2016
    lo_up='socket(S, AF_INET, SOCK_DGRAM, 0) && ioctl(S, 0x8914, my $up = pack("a16 s x22", "lo", 1)) or die'
    for network in "unshare --net" "unshare --net --map-root-user"; do
        ! $network perl -MSocket -e "$lo_up" 2>/dev/null || return 0
    done
    network=""
    ! (exec 3<>/dev/tcp/127.0.0.1/4222) 2>/dev/null && ! (exec 3<>/dev/tcp/127.0.0.1/9464) 2>/dev/null
}

# fresh_copy FOLDER: what the blocks use of a clone, with the program in build/.
fresh_copy()
{
    mkdir -p "$1/build" "$1/home"
    cp -r README.md deploy proto "$1"
    ln -s "$PROGRAM" "$1/build/wascc-keyvalue"
}

# end_group PID: ends whatever the blocks have left running in that session. A provider whose server goes with it would wait for it;
# where they share the machine's ports with the next document, these must be free again.
end_group()
{
    local i
    kill -KILL -- "-$1" 2>/dev/null || return 0
    for ((i = 0; i < 300 && ${#network} == 0; i++)); do
        kill -KILL -- "-$1" 2>/dev/null || return 0
        sleep 0.1
    done
}

# drive FOLDER BLOCK...: runs the blocks in it. What is left of them afterwards is ended.
drive()
{
    local folder=$1 status=0 pid
    shift
    # shellcheck disable=SC2086,SC2016
    (cd "$folder" && exec setsid env -i PATH="$PATH" HOME="$folder/home" LANG=C.UTF-8 TERM=dumb WORK="$work" LO_UP="$lo_up" \
        $network bash -c '[[ -z "$1" ]] || perl -MSocket -e "$LO_UP"; shift; exec timeout --foreground "$@"' drive "$network" \
        "$SECONDS_A_DOCUMENT" bash -c "$DRIVER" blocks "$@") >"$work/driver.log" 2>&1 &
    pid=$!
    wait "$pid" || status=$?
    end_group "$pid"
    return "$status"
}

# prints_what_is_shown BLOCK
prints_what_is_shown()
{
    # shellcheck disable=SC2016
    perl -0777 -CSD -Mutf8 -e '
        my ($shown, $got) = map { open(my $file, "<:encoding(UTF-8)", $_) or die; scalar <$file> } @ARGV;
        my $pattern = join "", map { $_ eq "…\n" ? "(?:[^\n]*\n)*?" : join("[^\n]*", map quotemeta, split(/…/, $_, -1)) } $shown =~ /[^\n]*\n/g;
        exit($got !~ /^$pattern\s*$/);' "${1%.sh}.shown" "${1%.sh}.got"
}

# judge FILE BLOCK...: one test a block that was to run.
judge()
{
    local file=$1 block name at
    at=$(cat "$work/at")
    shift
    for block; do
        name="$file:$(about "$block" 1)"
        if [[ "$block" == "$at" || ! -e "${block%.sh}.got" ]]; then
            tail -n 20 "${at%.sh}.errors" "$work/driver.log" 2>/dev/null || true
            not_ok "$name runs"
        elif [[ -e "${block%.sh}.shown" ]] && ! prints_what_is_shown "$block"; then
            diff "${block%.sh}.shown" "${block%.sh}.got" || true
            not_ok "$name prints what is shown"
        else
            ok "$name"
        fi
    done
}

# runnable FILE FOLDER: prints the document's blocks that run here. Their syntax is looked at in any case, and a skip is said once.
runnable()
{
    local block reason
    for block in "$2"/*.sh; do
        [[ -e "$block" ]] || continue
        reason=$(why_not "$block")
        if ! bash -n "$block" 2>>"$work/syntax"; then
            printf '%s:%s\n' "$1" "$(about "$block" 1)" >>"$work/broken"
        elif [[ -z "$reason" ]]; then
            printf '%s\n' "$block"
        else
            printf 'skip documents: %s:%s: %s\n' "$1" "$(about "$block" 1)" "$reason" >>"$work/skips"
        fi
    done
}

# preamble BLOCK...: prints README's blocks that come before the document's, where a marker of it says so: one of a block that
# is skipped counts, too.
preamble()
{
    local block heading="" current passed=""
    for block; do
        heading=$(about "$block" 3 | sed -n -E 's/^after: README\.md "(.*)"$/\1/p')
        [[ -z "$heading" ]] || break
    done
    [[ -n "$heading" ]] || return 0
    extract README.md "$work/preamble"
    for block in "$work"/preamble/*.sh; do
        current=$(about "$block" 2)
        [[ -z "$passed" || "$current" == "$heading" ]] || break
        [[ "$current" != "$heading" ]] || passed=yes
        [[ -n "$(why_not "$block")" ]] || printf '%s\n' "$block"
    done
    [[ -n "$passed" ]] || printf '/nowhere/%s.sh\n' "$heading"
}

# test_document FILE
test_document()
{
    local file=$1 folder=$work/blocks blocks before
    rm -rf "$folder" "$work/preamble" "$work/fresh" "$work/broken" "$work/skips"
    mkdir -p "$folder" "$work/preamble"
    extract "$file" "$folder"
    mapfile -t blocks < <(runnable "$file" "$folder")
    [[ ! -e "$work/skips" ]] || cat "$work/skips"
    if [[ -e "$work/broken" ]]; then
        cat "$work/syntax"
        not_ok "$(paste -s -d ' ' "$work/broken"): the syntax"
    fi
    [[ "${#blocks[@]}" -gt 0 ]] || return 0
    mapfile -t before < <(preamble "$folder"/*.sh)
    fresh_copy "$work/fresh"
    : >"$work/at"
    drive "$work/fresh" "${before[@]}" "${blocks[@]}" || true
    judge "$file" "${blocks[@]}"
}

# --- The test of the test ------------------------------------------------------------------------------------------------

# says_not_ok NAME TEXT: a document of that text is found out.
says_not_ok()
{
    local said
    printf '%b' "$2" >"$work/sample.md"
    said=$(test_document "$work/sample.md" 2>&1)
    if grep '^not ok ' <<<"$said" >/dev/null && ! grep '^ok ' <<<"$said" >/dev/null; then
        ok "$1 is found out"
    else
        printf '%s\n' "$said"
        not_ok "$1 is found out"
    fi
}

# shellcheck disable=SC2016
test_itself()
{
    says_not_ok "a command that fails" '```sh\nfalse\n```\n'
    says_not_ok "a command in a pipe that fails" '```sh\nfalse | cat\n```\n'
    says_not_ok "a block that is no shell" '<!-- not run: here -->\n```sh\nif\n```\n'
    says_not_ok "another output than is shown" '```sh\necho one; echo two\n```\n\n```text\none\n…o\nthree\n```\n'
    says_not_ok "less output than is shown" '```sh\necho one\n```\n\n```text\none\ntwo\n```\n'
    says_not_ok "an unknown section to go on from" '<!-- after: README.md "Nowhere" -->\n```sh\ntrue\n```\n'
}

# --- Links, and length -----------------------------------------------------------------------------------------------------

# Prints each link of the documents that leads nowhere, to a file or a heading.
dead_links()
{
    # shellcheck disable=SC2016
    perl -CSD -Mutf8 -MFile::Basename -e '
        sub text { local $/; open(my $f, "<:encoding(UTF-8)", $_[0]) or return ""; my $t = <$f>; $t =~ s/^```.*?^```$//gms; $t }
        sub slug { my $h = lc $_[0]; $h =~ s/\[([^\]]*)\]\([^)]*\)/$1/g; $h =~ s/[^\w\- ]//g; $h =~ tr/ /-/; $h }
        for my $file (@ARGV) {
            my $text = text($file);
            while ($text =~ /\]\(([^)\s]+)\)/g) {
                my $link = $1;
                my ($path, $anchor) = split /#/, $link, 2;
                next if $path =~ /^https?:/;
                my $to = $path eq "" ? $file : dirname($file) . "/$path";
                my %headings = map { slug($_) => 1 } text($to) =~ /^#+ (.*)$/gm if -f $to && defined $anchor;
                print "$file: $link\n" if !-e $to || defined $anchor && !$headings{$anchor};
            }
        }' "$@"
}

documents()
{
    find . -name 'build*' -prune -o -name .git -prune -o -name node_modules -prune -o -name '*.md' -print | sed 's,^\./,,' | sort
}

test_links()
{
    local files dead
    printf '[this](#here) [that](links.md#here) [a file](nowhere.md) [a heading](links.md#nowhere)\n\n## Here\n' \
        >"$work/links.md"
    dead=$(dead_links "$work/links.md")
    if [[ "$(grep -c nowhere <<<"$dead")" -eq 2 && "$(wc -l <<<"$dead")" -eq 2 ]]; then
        ok "a link to nowhere is found out"
    else
        printf '%s\n' "$dead"
        not_ok "a link to nowhere is found out"
    fi
    mapfile -t files < <(documents)
    dead=$(dead_links "${files[@]}")
    if [[ "${#files[@]}" -ge 12 && -z "$dead" ]]; then
        ok "every link leads somewhere"
    else
        printf '%s\n' "$dead"
        not_ok "every link leads somewhere (${#files[@]} documents)"
    fi
}

test_length()
{
    local words
    words=$(wc -w <README.md)
    if [[ "$words" -le "$MOST_WORDS" ]]; then
        ok "README is short"
    else
        not_ok "README is short: it has $words words; the rest belongs to deploy/docs, proto and tests"
    fi
}

# What serve takes is in options.md, and nothing else.
# shellcheck disable=SC2016
test_options()
{
    local known=$work/known named=$work/named
    "$PROGRAM" serve --help | sed -n -E 's/^  (--[a-z-]+).*/\1/p' | grep -v -x -e --help | sort >"$known"
    # Of the tables' first column; `serve --print-config` does not serve.
    {
        sed -n '/^| `--/{s/\\|/ /g;p}' deploy/docs/options.md | cut -d '|' -f 2 | grep -o -e '--[a-z-]*'
        printf '%s\n' --print-config
    } | sort -u >"$named"
    if [[ -s "$known" ]] && diff "$known" "$named"; then
        ok "options.md has every option of serve"
    else
        not_ok "options.md has every option of serve"
    fi
}

main()
{
    local file
    test_links
    test_length
    test_options
    if ! command -v nats-server >/dev/null || ! command -v jq >/dev/null; then
        printf 'skip documents: nats-server and jq are not both on this machine\n'
    elif ! choose_network; then
        printf 'skip documents: the ports 4222 and 9464 are taken, and a network of its own is not permitted\n'
    else
        test_itself
        for file in README.md deploy/docs/*.md .github/*.md; do
            test_document "$file"
        done
    fi
    [[ "$failures" -eq 0 ]]
}

main
