package policy

import (
	"fmt"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
)

// Refusal is why the container may not start, on one line that says what to
// do: it is all that the runtime shows to the user.
func (d *Decision) Refusal() error {
	subject := fmt.Sprintf("%s = %s: ", d.Key, quote.Text(d.Ask))
	if d.Key == "" {
		subject = ""
	}
	return fmt.Errorf("%srefused by the policy: %s%s; %s", subject, d.Reason, d.origin(), d.advice())
}

func (d *Decision) origin() string {
	if d.Key == "" {
		return ""
	}
	text := "asked for by an annotation"
	if d.Door == Bundle {
		text = "asked for by linux.sysctl"
	}
	if d.Setting != nil {
		text += "; " + d.Setting.String()
	}
	return " (" + text + ")"
}

func (d *Decision) advice() string {
	switch {
	case d.Reason == hostReason(d.Key):
		return "drop the annotation, or give the container a namespace of its own"
	case d.Door == Bundle:
		return "change or drop the sysctl, or have the policy changed"
	}
	return "change or drop the annotation, or have the policy changed"
}

// String names the setting's rule and place.
func (s *Setting) String() string {
	if s.Rule.Name == s.Rule.At.String() {
		return fmt.Sprintf("unnamed rule, %s", s.At)
	}
	return fmt.Sprintf("rule %s, %s", quote.Text(s.Rule.Name), s.At)
}
