# SPDX-License-Identifier: LGPL-2.1-or-later
# What prolog, task-prolog, epilog and sweep share, which source it. See docs/CLUSTERS.md.
# shellcheck shell=sh

# slurmd sets none.
PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
export PATH
LC_ALL=C
export LC_ALL

log() {
	logger -t "zcrx-${0##*/}" -p daemon.notice -- "job ${SLURM_JOB_ID:--}: $*" 2>/dev/null || :
}

# "ID NAME UID" of each lease that a prolog has acquired, one a line. Fails if zcrxd does not answer. Only root
# acquires leases for others, so that no user can make one that looks like it; quotes within a name are escaped.
leases() {
	found=$(timeout 30 zcrxctl leases --json=short) || return
	printf '%s\n' "$found" | tr '{' '\n' | grep -E '"(acquirerUid|ownerUid)":0[,}]' |
		sed -n 's/^"leaseId":"\([0-9a-f]*\)","name":"\(slurm-[0-9][^"\\ ]*\)","ownerUid":\([0-9]*\),.*/\1 \2 \3/p'
}

# Of these lines, those of a job: slurm-JOB, and slurm-JOB-INTERFACE where the resource has types.
of_job() {
	while read -r id name uid; do
		case $name in
		"slurm-$1" | "slurm-$1-"*) printf '%s %s %s\n' "$id" "$name" "$uid" ;;
		esac
	done
}

# Ends those that are on its input. When zcrxctl returns, their queues are free.
release() {
	while read -r id name uid; do
		if said=$(timeout 60 zcrxctl release "$id" 2>&1); then
			log "lease $id ($name, uid $uid) is released"
		else
			log "lease $id ($name, uid $uid) is not released: $said"
		fi
	done
}

# Releases what jobs have left that are not on this machine any more: an epilog did not run, or zcrxd did not
# answer it. Fails, and releases nothing, if slurmctld does not say which jobs there are. Leases are looked at
# before jobs: that of a job which begins meanwhile is not among them.
sweep_leases() {
	left=$(leases) || return
	[ -n "$left" ] || return 0
	nodes=$(scontrol show aliases 2>/dev/null | tr -s ' \n' ',,')
	jobs=$(squeue -h -w "${nodes%,}" -o %A \
		-t CONFIGURING,RUNNING,SUSPENDED,STOPPED,COMPLETING,RESIZING,SIGNALING,STAGE_OUT) || return
	printf '%s\n' "$left" | while read -r id name uid; do
		job=${name#slurm-}
		printf '%s\n' "$jobs" | grep -qx "${job%%-*}" || printf '%s %s %s\n' "$id" "$name" "$uid"
	done | release
}
