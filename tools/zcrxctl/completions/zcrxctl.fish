# SPDX-License-Identifier: LGPL-2.1-or-later
# zcrxctl(1) for fish.

function __zcrxctl_verb --description 'The command on the line, if there is one'
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if test $word = --socket
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
            return 0
        end
    end
    return 1
end

function __zcrxctl_is --description 'The command on the line is one of these'
    contains -- (__zcrxctl_verb) $argv
end

# Those that zcrxd manages: the objects of its description that begin with a name and have a state.
function __zcrxctl_interfaces
    zcrxctl status --json=short 2>/dev/null | string split '{' |
        string replace -rf '^"name":"([^" ]*)".*"state":.*' '$1'
end

function __zcrxctl_leases
    zcrxctl leases --no-legend 2>/dev/null | string replace -r '^(\S+)\s+(.*)' '$1\t$2'
end

complete -c zcrxctl -f
complete -c zcrxctl -n 'not __zcrxctl_verb' -a status -d 'show interfaces, queues, leases and what is wrong'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a leases -d 'list the leases'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a lease -d 'lease queues until they are released'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a release -d 'end leases'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a run -d 'lease queues for as long as a command runs'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a tune -d 'set how the queues of a lease are polled'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a watch -d 'print events as they happen'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a metrics -d 'print what zcrxd counts, for Prometheus'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a gres -d 'print what can be leased, for Slurm'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a explain -d 'show where a flow would go'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a plan -d 'show what apply would change'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a apply -d 'bring NICs to what the configuration says'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a restore -d 'restore the settings from before zcrxd'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a revoke -d 'take a lease back from its owner'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a reload -d 'read the configuration again'
complete -c zcrxctl -n 'not __zcrxctl_verb' -a check -d 'tell what zero-copy receive lacks here'

complete -c zcrxctl -s h -l help -d 'show help'
complete -c zcrxctl -l version -d 'show the version'
complete -c zcrxctl -l json -a 'pretty short off' -d 'print JSON'
complete -c zcrxctl -l no-legend -d 'no headings and explanations'
complete -c zcrxctl -s l -l full -d 'cut nothing to the width of the screen'
complete -c zcrxctl -l no-pager -d 'do not pipe output into a pager'
complete -c zcrxctl -l socket -rF -d 'where zcrxd listens'

complete -c zcrxctl -n '__zcrxctl_is status lease gres plan apply restore explain' -a '(__zcrxctl_interfaces)'
complete -c zcrxctl -n '__zcrxctl_is check' -a '(__fish_print_interfaces)'
complete -c zcrxctl -n '__zcrxctl_is leases release tune watch revoke' -a '(__zcrxctl_leases)'
complete -c zcrxctl -n '__zcrxctl_is run' -a '(__fish_complete_subcommand)'

complete -c zcrxctl -n '__zcrxctl_is status' -l watch -d 'show it again whenever it changes'
complete -c zcrxctl -n '__zcrxctl_is run' -l interface -xa '(__zcrxctl_interfaces)' -d 'lease on this interface'
complete -c zcrxctl -n '__zcrxctl_is lease run' -l queues -x -d 'lease this many queues'
complete -c zcrxctl -n '__zcrxctl_is lease run' -l flow -xa 'tcp4, tcp6,' -d 'steer this flow'
complete -c zcrxctl -n '__zcrxctl_is lease run' -l name -x -d 'call the lease so'
complete -c zcrxctl -n '__zcrxctl_is lease run' -l ttl -xa '30s 5min 1h 1d' -d 'end the lease after this time'
complete -c zcrxctl -n '__zcrxctl_is lease' -l owner -xa '(__fish_complete_users)' -d 'lease for this user, who opens it'
complete -c zcrxctl -n '__zcrxctl_is release' -l all-mine -d 'all persistent leases of yours'
complete -c zcrxctl -n '__zcrxctl_is tune' -l queue -x -d 'only this queue of the lease'
complete -c zcrxctl -n '__zcrxctl_is tune' -l defer-hard-irqs -x -d 'empty polls before interrupts'
complete -c zcrxctl -n '__zcrxctl_is tune' -l gro-flush-timeout -x -d 'nanoseconds between these polls'
complete -c zcrxctl -n '__zcrxctl_is tune' -l irq-suspend-timeout -x -d 'no interrupts in busy polling'
complete -c zcrxctl -n '__zcrxctl_is tune' -l irq-affinity -x -d 'let interrupts go to these CPUs'
complete -c zcrxctl -n '__zcrxctl_is apply restore revoke check' -l force -d 'even if it interrupts what is in use'
complete -c zcrxctl -n '__zcrxctl_is apply' -l confirm -d 'keep what was applied for a try'
complete -c zcrxctl -n '__zcrxctl_is apply' -l confirm-within -xa '60s 5min' -d 'roll back unless confirmed in this time'
complete -c zcrxctl -n '__zcrxctl_is revoke' -l grace -xa '30s 5min' -d 'let the client continue for this time'
complete -c zcrxctl -n '__zcrxctl_is revoke' -l reason -x -d 'tell the client why'
complete -c zcrxctl -n '__zcrxctl_is metrics' -l prometheus -d 'the older text format, for node_exporter'
complete -c zcrxctl -n '__zcrxctl_is reload' -l result -d 'only tell what came of the last one'
complete -c zcrxctl -n '__zcrxctl_is check' -l hardware -d 'lease queues, and report what only a real NIC can tell'
