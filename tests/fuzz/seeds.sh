#!/usr/bin/env bash
# Writes the seeds of the fuzz targets: DIRECTORY/<target>/<name>, each some bytes that lead into the code.
set -euo pipefail

if [[ "$#" -ne 1 || "$1" == -h || "$1" == --help ]]; then
    printf 'usage: tests/fuzz/seeds.sh DIRECTORY\n'
    exit 0
fi
readonly CORPUS=$1
readonly HERE=${BASH_SOURCE[0]%/*}
readonly TOKENS=$HERE/../security/data/actor-tokens.json TABLE=$HERE/../../src/operation/table.c

# seed TARGET NAME FORMAT [ARGUMENT...]: printf's bytes.
seed()
{
    local target=$1 name=$2
    shift 2
    mkdir -p "$CORPUS/$target"
    # shellcheck disable=SC2059 # the format is the seed
    printf "$@" >"$CORPUS/$target/$name"
}

# The keys of the seeds of 32 bytes of 1, 2 and 3, which the targets sign with.
readonly ACCOUNT=ACFIRY65OQE7DFP5KLNS2PF2LVZMUZYJX4OZIEQ36N2IQANUB5XVYYOU
readonly ACCOUNT_SEED=SAAACAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAKM5I
readonly HOST=NCATS5YOVB6ROX2WUNKGNQ2MP3GMXDMKSG2O4N5CLX3A6W4PZGZZJWVF
readonly MODULE=MDWUSKGGFDI4FRXK5EBTRECZSVQSSWJHHJOGH6JWG3AUMFFMQ435C2JZ

seed_token()
{
    local number=0 token
    seed token public %s "$MODULE"
    seed token seed %s "$ACCOUNT_SEED"
    seed token list '%s, %s # one more\n' "$ACCOUNT" "$HOST"
    seed token actor '{"jti":"id","iat":1700000000,"iss":"%s","sub":"%s","exp":1800000000,"wascap":%s}' "$ACCOUNT" "$MODULE" \
        '{"name":"x","hash":"","tags":["a"],"caps":["wascc:keyvalue"],"rev":1,"ver":"1.0","prov":false}'
    seed token invocation '{"jti":"id","iat":1700000000,"iss":"%s","sub":"id","wascap":{"target_url":"%s","origin_url":"%s","hash":"%064d"}}' \
        "$HOST" wasmbus://wascc/keyvalue/default/Get "wasmbus://$MODULE" 0
    # Real ones: three segments of base64url with dots between.
    while read -r token && [[ "$number" -lt 4 ]]; do
        seed token "real-$((++number))" %s "$token"
    done < <(grep -o -E '[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{80,}' "$TOKENS")
}

seed_header()
{
    local trace=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
    seed header claims 'NATS/1.0\r\nWascc-Claims: a.b.c\r\nWascc-Invocation:d.e.f \r\ntraceparent: %s\r\n\r\n' "$trace"
    seed header folded 'NATS/1.0\r\nWascc-Claims: a\r\n b\r\n\tc\r\nTraceparent:%s\r\n\r\n' "$trace"
    seed header status 'NATS/1.0 503\r\n\r\n'
    seed header traceparent %s "$trace"
}

seed_subject()
{
    seed subject own '\0\003dev\0\007defaultdev.wasmbus.provider.wascc.keyvalue.default.%s.Get' "$MODULE"
    seed subject events '\0\007team.eu\0\001xteam.eu.wasmbus.events'
    seed subject system '\0\0\0\007defaultsystem'
}

seed_glob()
{
    seed glob star 'user:*:name\0user:17:name'
    seed glob class '[a-c]?[^x]*\\\\*\0b\303\251y*z'
    seed glob stars '*a*a*a*b\0aaaaaaaaaaaaaaaa'
}

seed_decode()
{
    seed decode json '{"key":"a","value":"\\u00e9\\n","expires_s":10}'
    seed decode protobuf '\012\001a\022\003abc\030\012'
    seed decode msgpack '\203\243key\241a\245value\241v\247expires\012'
    seed decode keys '{"keys":["a","b","c"]}'
    seed decode values '\012\001a\012\001b\012\001c'
}

seed_invocation()
{
    seed invocation get '\207\246origin\201\0\270%.24s\246target\201\001\202\245capid\256wascc:keyvalue\247binding\247default\251operation\243Get\243msg\226\201\243\153\145\171\241a\242id\242id\256encoded_claims\245a.b.c\247host_id\270%.24s' \
        "$MODULE" "$HOST"
    seed invocation names '\202\246origin\201\245Actor\241M\243msg\304\002\201\300'
}

# number NAME: of an operation's row in the table, from 0.
number()
{
    grep -F '{.name = "' "$TABLE" | awk -F '"' -v name="$1" '$2 == name { print NR - 1 }'
}

# request OPERATION FLAGS BOUNDS PAYLOAD: the bytes of a request as fuzz_dispatch.c takes them.
request()
{
    printf '%b%b%b%b%b%s' "\\0$(printf %o "$(number "$1")")" "\\0$(printf %o "$2")" "\\0$(printf %o "$3")" '\0' "\\0$(printf %o "${#4}")" "$4"
}

seed_dispatch()
{
    local choice
    mkdir -p "$CORPUS/dispatch"
    for choice in 0 1 2 3 7 35; do # modes, a budget, --require-binding
        {
            printf '%b' "\\0$(printf %o "$choice")"
            request BindActor 12 11 "{\"module\":\"$MODULE\",\"values\":{\"KEYSPACE\":\"k\"}}"
            request BindActor 14 11 "{\"module\":\"$MODULE\"}"
            request Set 6 11 '{"key":"a","value":"1","expires_s":2}'
            request Get 6 11 '{"key":"a"}'
            request Add 6 11 '{"key":"a","value":41}'
            request Push 6 11 '{"key":"l","value":"x"}'
            request Range 6 11 '{"key":"l","start":0,"stop":-1}'
            request SetAdd 6 11 '{"key":"s","value":"x"}'
            request SetUnion 6 11 '{"keys":["s","s","t"]}'
            request CompareAndSet 6 11 '{"key":"a","value":"2","expected":"42"}'
            request Pop 6 11 '{"key":"l"}'
            request Batch 6 11 '{"atomic":true,"requests":[{"set":{"key":"b","value":"1"}},{"get":{"key":"a"}}]}'
            request Watch 6 11 '{"prefix":"a","values":true}'
            request Keys 12 11 '{"limit":2,"glob":"*"}'
            request Bindings 12 11 '{}'
            request LogLevel 12 11 '{}'
            request Members 12 11 '{}'
            request GetCapabilityDescriptor 12 12 ''
            request RemoveActor 12 11 "{\"module\":\"$MODULE\"}"
        } >"$CORPUS/dispatch/mode-$choice"
    done
}

# noise COUNT NUMBER: so many bytes, others for each number.
noise()
{
    local i
    for ((i = 0; i < $1; i++)); do
        printf '%b' "\\0$(printf %o $((i * i * 7 + i * 31 + $2 * 57 & 255)))"
    done
}

# The choices of a Batch, its items and their fields: as many keys, values and operations as there are.
seed_batch()
{
    local choice
    mkdir -p "$CORPUS/batch"
    for choice in 0 1 3; do # like their items alone; in little room; in little memory
        { printf '%b' "\\0$choice" && noise 400 "$choice"; } >"$CORPUS/batch/choice-$choice"
    done
}

# A log as fuzz_record.c takes it: each line a record with one request (row, flags, protobuf).
seed_record()
{
    local number=0 row flags payload
    mkdir -p "$CORPUS/record"
    {
        printf '\002'
        while read -r row flags payload; do
            number=$((number + 1))
            printf '%b' "\\004\\0$(printf %o "$number")\\0$(printf %o "$number")\\0150"
            printf '%b' "\\0\\0$(printf %o "$flags")\\0$(printf %o "$row")\\01\\0\\0200\\01\\0\\01\\0\\0377"
            printf '%b' "\\0\\0$(printf '%b' "$payload" | wc -c | xargs printf %o)$payload"
        done <<'END'
2 0 \n\01a\0022\01v
4 0 \n\01b\0020\05
5 0 \n\01l\0022\03one
20 2 \n\01l
9 4 \n\01s\0022\01m
9 4 \n\01s\0022\01m
16 2 \n\01a\0022\01w\0032\01v
64 2 \n\07\0022\05\n\01c\0022\00\n\05\n\03\n\01a\0020\01
END
    } >"$CORPUS/record/log"
    seed record message '\0WKVL\001\004\0\0\001\0\0\0\0\0\0\0'
    seed record operations '\001\001\0\002\001\0\003abc\021\0\001M\022\0%048d\002' 0
    seed record snapshot '\003\0\002ab\0\011\0\0\0\001k\001\001v'
}

# The choices of the model, a byte or some each: all operations on all keys, a few thousand steps.
seed_store()
{
    local style
    mkdir -p "$CORPUS/store"
    for style in 0 1 2 3; do
        { printf '%b' "\\0$(printf %o $((style * 4 + 1)))" && noise 600 "$style"; } >"$CORPUS/store/style-$style"
    done
}

seed_token
seed_header
seed_subject
seed_glob
seed_decode
seed_invocation
seed_dispatch
seed_batch
seed_record
seed_store
