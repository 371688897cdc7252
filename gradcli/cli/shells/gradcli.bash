# Completion of gradcli for bash: the program itself says what the last word may become.
_gradcli() {
    local IFS=$'\n' word=${COMP_WORDS[COMP_CWORD]} line
    COMPREPLY=()
    for line in $(_GRADCLI_COMPLETE=words GRADCLI_LINE="${COMP_LINE:0:COMP_POINT}" gradcli 2>/dev/null); do
        # Bash replaces no more than what follows the last = or : of an open word.
        [[ $word != *[=:]* && $line == *[=:]?* && $line != *'= ' ]] && line=${line##*[=:]}
        COMPREPLY+=("$line")
    done
}
complete -F _gradcli gradcli
