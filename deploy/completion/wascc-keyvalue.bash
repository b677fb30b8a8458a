# bash completion for wascc-keyvalue                        -*- shell-script -*-
# shellcheck shell=bash
# What can be completed is asked of the program itself, once a shell for each command: it knows its options best.

# _wascc_keyvalue_help PROGRAM [COMMAND]: puts what `PROGRAM [COMMAND] --help` prints into help.
_wascc_keyvalue_help()
{
    local key="$1 ${2-}"
    declare -gA _wascc_keyvalue_cache
    if [[ -z "${_wascc_keyvalue_cache[$key]-}" ]]; then
        # The environment may hold what --help would refuse before it helps; PATH is all that it needs.
        _wascc_keyvalue_cache[$key]=$(env -i PATH="$PATH" "$1" ${2:+"$2"} --help 2>/dev/null </dev/null)
    fi
    help=${_wascc_keyvalue_cache[$key]}
}

# Puts every name in the help that the extended regular expression finds at a line's start, two blanks behind it, into names.
_wascc_keyvalue_names()
{
    local line
    names=""
    while IFS= read -r line; do
        [[ ! "$line" =~ ^\ \ ($1)(\ |$) ]] || names+=" ${BASH_REMATCH[1]}"
    done <<<"$help"
}

# Prints what an option takes, as the help names it; nothing for one that takes nothing.
_wascc_keyvalue_argument()
{
    local line
    while IFS= read -r line; do
        if [[ "$line" == "  $1 "* ]]; then
            printf '%s\n' "${line#"  $1 "}"
            return
        fi
    done <<<"$help"
}

# Fills COMPREPLY with those of the words that begin with what has been typed.
_wascc_keyvalue_words()
{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_wascc_keyvalue_files()
{
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
    compopt -o filenames 2>/dev/null || true
}

# _wascc_keyvalue_value OPTION TYPED: the help has the values in small letters, with a | between them.
_wascc_keyvalue_value()
{
    local argument
    argument=$(_wascc_keyvalue_argument "$1")
    if [[ "$argument" == FILE* || "$argument" == "[DIR]" ]]; then
        _wascc_keyvalue_files "$2"
    else
        _wascc_keyvalue_words "$(tr '|' '\n' <<<"$argument" | grep -E '^[a-z]+$')" "$2"
    fi
}

# _wascc_keyvalue_waits OPTION WORD: whether the word is the option's value, which --dev may be without.
_wascc_keyvalue_waits()
{
    [[ -n "$1" && ("$2" != -* || "$(_wascc_keyvalue_argument "$1")" != "["*"]") ]]
}

# _wascc_keyvalue_operand COMMAND TYPED: the first of the arguments that are no options.
_wascc_keyvalue_operand()
{
    local names
    case "$1" in
    keygen) _wascc_keyvalue_words "account module host" "$2" ;;
    export | import | inspect) _wascc_keyvalue_files "$2" ;;
    call)
        _wascc_keyvalue_names '[A-Z][A-Za-z]+'
        _wascc_keyvalue_words "$names" "$2"
        ;;
    esac
}

_wascc_keyvalue()
{
    local program=${COMP_WORDS[0]/#\~\//"$HOME/"} typed=${COMP_WORDS[COMP_CWORD]} help names i word option="" operands=0 ended=0
    COMPREPLY=()
    if [[ "$COMP_CWORD" -eq 1 ]]; then
        _wascc_keyvalue_help "$program"
        _wascc_keyvalue_names '[a-z]+'
        _wascc_keyvalue_words "$names --help --version" "$typed"
        return
    fi
    _wascc_keyvalue_help "$program" "${COMP_WORDS[1]}"

    # What stands before the word: an option that waits for its value, and how many arguments that are no options.
    for ((i = 2; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ "$word" == = ]]; then
            : # --option=value is three words to readline.
        elif _wascc_keyvalue_waits "$option" "$word"; then
            option=""
        elif [[ "$word" == -- && "$ended" -eq 0 ]]; then
            option="" ended=1
        elif [[ "$word" == --* && "$ended" -eq 0 ]]; then
            option=""
            [[ -z "$(_wascc_keyvalue_argument "$word")" ]] || option=$word
        else
            operands=$((operands + 1))
        fi
    done
    [[ "$typed" != = ]] || typed=""

    if _wascc_keyvalue_waits "$option" "$typed"; then
        _wascc_keyvalue_value "$option" "$typed"
    elif [[ "$ended" -eq 0 && "$typed" == -* ]]; then
        _wascc_keyvalue_names '--[a-z-]+'
        _wascc_keyvalue_words "$names" "$typed"
    elif [[ "$operands" -eq 0 ]]; then
        _wascc_keyvalue_operand "${COMP_WORDS[1]}" "$typed"
    fi
}

complete -F _wascc_keyvalue wascc-keyvalue
