# fish completion for wascc-keyvalue. What can be completed is asked of the program itself: it knows its options best.

# What `PROGRAM [COMMAND] --help` prints. The environment may hold what --help would refuse before it helps.
function __wascc_keyvalue_help
    env -i PATH="$PATH" $argv --help 2>/dev/null </dev/null
end

# __wascc_keyvalue_names REGEX LINE...: every name that it finds at a line's start, two blanks behind it.
function __wascc_keyvalue_names
    string match --regex --groups-only -- "^  ($argv[1])(?: |\$)" $argv[2..-1]
end

# __wascc_keyvalue_argument OPTION LINE...: what it takes, as the help names it; nothing for one that takes nothing.
function __wascc_keyvalue_argument
    string match --regex --groups-only -- "^  "(string escape --style=regex -- $argv[1])" (.*)" $argv[2..-1]
end

# __wascc_keyvalue_value ARGUMENT BEFORE TYPED: the values in small letters, or files; BEFORE is `--option=`, or empty.
function __wascc_keyvalue_value
    if string match --quiet --regex -- '^(FILE|\[DIR\])' $argv[1]
        printf '%s\n' $argv[2](__fish_complete_path $argv[3])
    else
        set --local values (string match --regex -- '^[a-z]+$' (string split -- '|' $argv[1]))
        printf '%s\n' $argv[2]$values
    end
end

function __wascc_keyvalue_complete
    set --local words (commandline --tokenize --current-process --cut-at-cursor)
    set --local typed (commandline --current-token --cut-at-cursor)
    set --local program (string replace --regex -- '^~/' "$HOME/" $words[1])
    if test (count $words) -eq 1
        __wascc_keyvalue_names '[a-z]+' (__wascc_keyvalue_help $program)
        printf '%s\n' --help --version
        return
    end
    set --local help (__wascc_keyvalue_help $program $words[2])
    set --local argument
    set --local operands 0
    set --local ended 0
    for word in $words[3..-1]
        if test -n "$argument"; and not string match --quiet -- '-*' $word; or string match --quiet --regex -- '^[^[]' "$argument"
            set argument
        else if test $ended -eq 0; and test "$word" = --
            set ended 1
            set argument
        else if test $ended -eq 0; and string match --quiet -- '--*' $word
            set argument (__wascc_keyvalue_argument $word $help)
        else
            set operands (math $operands + 1)
        end
    end
    if test -n "$argument"; and not string match --quiet -- '-*' $typed; or string match --quiet --regex -- '^[^[]' "$argument"
        __wascc_keyvalue_value $argument '' $typed
    else if test $ended -eq 0; and string match --quiet -- '--*=*' $typed
        set --local parts (string split --max 1 -- = $typed)
        set argument (__wascc_keyvalue_argument $parts[1] $help)
        test -n "$argument"; and __wascc_keyvalue_value $argument $parts[1]= $parts[2]
    else if test $ended -eq 0; and string match --quiet -- '-*' $typed
        __wascc_keyvalue_names '--[a-z-]+' $help
    else if test $operands -eq 0
        switch $words[2]
            case keygen
                printf '%s\n' account module host
            case export import inspect
                __fish_complete_path $typed
            case call
                __wascc_keyvalue_names '[A-Z][A-Za-z]+' $help
        end
    end
end

complete --command wascc-keyvalue --no-files --arguments '(__wascc_keyvalue_complete)'
