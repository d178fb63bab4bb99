const BASH = `# ctr completion for bash: eval "$(ctr completion bash)"
_ctr() {
  local IFS=$'\\n' words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=($(ctr __complete -- "\${words[@]}" 2>/dev/null | cut -f1))
  # A colon breaks words in bash: what stands before it must not be repeated.
  if [[ $2 != "\${words[-1]}" ]]; then
    local cut="\${words[-1]%"$2"}"
    COMPREPLY=("\${COMPREPLY[@]#"$cut"}")
  fi
}
complete -o default -F _ctr ctr
`;

const ZSH = `#compdef ctr
# ctr completion for zsh: eval "$(ctr completion zsh)"
_ctr() {
  local -a found
  local line
  for line in "\${(@f)$(ctr __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( $#found )); then _describe ctr found; else _files; fi
}
compdef _ctr ctr
`;

const FISH = `# ctr completion for fish: ctr completion fish | source
function __ctr_complete
  set -l words (commandline -opc) (commandline -ct)
  ctr __complete -- $words[2..-1] 2>/dev/null
end
complete -c ctr -f -a '(__ctr_complete)'
`;

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

/** The script for `bash`, `zsh` or `fish`. All they know they ask `ctr __complete`. */
export function completionScript(shell: string): string {
  return SCRIPTS[shell]!;
}
