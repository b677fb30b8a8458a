#!/usr/bin/env bash
# Each section of the contract that the tree cites is one of proto/CONTRACT.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly CONTRACT=proto/CONTRACT.md
# Perl, for one whole file at a time.
# shellcheck disable=SC2016
readonly FIND='
    while (/\bcontract(?:\.md)?[`,]*[\s*\/#]+sections?\s+(\d+b?(?:(?:,|\s+and)[\s*]+\d+b?)*)/gi) {
        my $numbers = $1;
        print "$ARGV $_\n" for $numbers =~ /\d+b?/g;
    }'

# Prints `FILE NUMBER` for each section that is cited, also where a comment's line ends within the citation.
citations()
{
    find src include tests proto deploy .ci README.md -type f \
        \( -name '*.[ch]' -o -name '*.sh' -o -name '*.proto' -o -name '*.md' -o -name '*.txt' -o -name '*.rs' \) -print0 |
        xargs -0 perl -0777 -ne "$FIND"
}

has_section()
{
    grep -q -E "^##+ $1\. " "$CONTRACT"
}

main()
{
    local file number found=0 missing=0
    while read -r file number; do
        found=$((found + 1))
        has_section "$number" && continue
        printf '%s cites section %s of the contract, which %s does not have\n' "$file" "$number" "$CONTRACT"
        missing=$((missing + 1))
    done < <(citations)
    printf '%d citations, %d of them of no section\n' "$found" "$missing"
    # A search that finds nothing is broken.
    [[ "$found" -ge 50 && "$missing" -eq 0 ]]
}

main
