package main

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// refusal is the first refusal, and how many follow.
func refusal(refused []policy.Decision) error {
	if more := len(refused) - 1; more > 0 {
		return fmt.Errorf("%w (and %d more)", refused[0].Refusal(), more)
	}
	return refused[0].Refusal()
}

// writeError adds the rule that asked for the write.
func writeError(decisions *policy.Decisions, err error) error {
	var failed *sysctl.WriteError
	if !errors.As(err, &failed) {
		return err
	}
	for _, d := range decisions.List {
		if d.Key == failed.Key && d.Setting != nil {
			return fmt.Errorf("%w (%s); %s", err, d.Setting, advice(d, failed.Err))
		}
	}
	return err
}

// congestionControl is refused with EPERM for an algorithm that the host's
// network namespace does not allow to all (tcp_set_default_congestion_control).
const congestionControl sysctl.Key = "net/ipv4/tcp_congestion_control"

func advice(d policy.Decision, cause error) string {
	switch {
	case d.Door == policy.Annotation:
		return "change or drop the annotation"
	case errors.Is(cause, sysctl.ErrNoKey):
		return "correct the policy, or say optional = true there"
	case d.Key == congestionControl && errors.Is(cause, unix.EPERM):
		return "a container may use what the host's net.ipv4.tcp_allowed_congestion_control lists"
	case errors.Is(cause, unix.EROFS) || errors.Is(cause, unix.EXDEV) || errors.Is(cause, fs.ErrPermission):
		return "the hook needs a writable /proc/sys and the rights to it"
	}
	return "correct the policy"
}
