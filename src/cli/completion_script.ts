const BASH = `# ctr completion for bash: eval "$(ctr completion bash)"
_ctr() {
  # The line and not COMP_WORDS: bash breaks words at colons and equals signs, we do not.
  local line="\${COMP_LINE:0:COMP_POINT}" words IFS=$' \\t\\n'
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  IFS=$'\\n'
  COMPREPLY=($(ctr __complete -- "\${words[@]:1}" 2>/dev/null | cut -f1))
  # What stands in the same word before a break must not be repeated.
  local cut="\${words[-1]%"$2"}"
  COMPREPLY=("\${COMPREPLY[@]#"$cut"}")
  # What goes on in the same word gets no blank.
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *[=:,] ]] && compopt -o nospace 2>/dev/null
}
complete -o default -F _ctr ctr
`;

const ZSH = `#compdef ctr
# ctr completion for zsh: eval "$(ctr completion zsh)"
_ctr() {
  local -a found open
  local line word
  for line in "\${(@f)$(ctr __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] || continue
    word="\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}"
    # What goes on in the same word gets no blank.
    if [[ \${line%%$'\\t'*} == *[=:,] ]]; then open+=("$word"); else found+=("$word"); fi
  done
  (( $#found )) && _describe ctr found
  (( $#open )) && _describe ctr open -S ''
  (( $#found + $#open )) || _files
}
compdef _ctr ctr
`;

const FISH = `# ctr completion for fish: ctr completion fish | source
function __ctr_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (ctr __complete -- $words[2..-1] 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c ctr -f -a '(__ctr_complete)'
`;

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

/** The script for `bash`, `zsh` or `fish`. All they know they ask `ctr __complete`. */
export function completionScript(shell: string): string {
  return SCRIPTS[shell]!;
}
