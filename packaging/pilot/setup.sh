# Source this file of the bundle in bash or zsh: the commands come onto the PATH, their man pages onto the MANPATH, and
# in a shell that somebody types into their completions (in zsh: before compinit). The place is what links lead to now,
# so that a pilot keeps its version to the end.
_dirac_mq=$(readlink -f -- "${BASH_SOURCE[0]:-$0}")
_dirac_mq=${_dirac_mq%/*}
PATH=$_dirac_mq/bin:$PATH
export PATH
export MANPATH="$_dirac_mq/share/man:${MANPATH:-}"
case $-${ZSH_VERSION:+z} in
    *i*z) fpath=("$_dirac_mq/share/zsh/site-functions" $fpath) ;;
    *i*) for _dirac_mq in "$_dirac_mq"/share/bash-completion/completions/*; do . "$_dirac_mq"; done ;;
esac
unset _dirac_mq
