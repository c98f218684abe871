package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// report is what the record of a container tells.
type report struct {
	began     time.Time
	id        string
	netns     uint64 // inode number, 0 if it can't be told
	decisions *policy.Decisions
	result    sysctl.Result
}

// record writes the record. That it can't be written is a warning at most.
func (h *hook) record(err error) {
	level, message := h.report.summary(err)
	fields := h.report.fields()
	if err != nil {
		fields["error"] = err.Error()
	}
	if len(h.warnings) > 0 {
		fields["warnings"] = list(bounded(h.warnings, maxRecorded))
		level = min(level, logrus.WarnLevel)
	}
	if err := h.options.log.Write(level, message, fields); err != nil {
		h.warnings = append(h.warnings, err.Error())
	}
}

func (r *report) summary(err error) (logrus.Level, string) {
	switch {
	case exitStatus(err) == exitRefused:
		return logrus.ErrorLevel, "refused"
	case err != nil:
		return logrus.ErrorLevel, "failed"
	case len(r.result.Changed) > 0:
		return logrus.InfoLevel, "sysctls applied"
	}
	return logrus.InfoLevel, "nothing to do"
}

func (r *report) fields() logrus.Fields {
	fields := logrus.Fields{
		"took_ms": math.Round(float64(time.Since(r.began).Microseconds())/10) / 100,
	}
	set(fields, "id", r.id)
	if r.netns != 0 {
		fields["netns"] = r.netns
	}
	if r.decisions == nil {
		return fields
	}
	set(fields, "pod_namespace", r.decisions.Identity.PodNamespace)
	set(fields, "pod", r.decisions.Identity.Pod)
	set(fields, "container", r.decisions.Identity.Container)
	if changed := r.changed(); changed != nil {
		fields["set"] = list(bounded(changed, maxRecorded))
	}
	if left := r.left(); left != nil {
		fields["left"] = list(bounded(left, maxRecorded))
	}
	return fields
}

// list is an array in JSON, and one text with semicolons in a line of text.
type list []string

func (l list) String() string { return strings.Join(l, "; ") }

// longestName is more than any engine allows, in bytes.
const longestName = 256

// set sets a name that others gave: one that is too long for the system log must
// not lose the record.
func set(fields logrus.Fields, name, value string) {
	if len(value) > longestName {
		value = strings.ToValidUTF8(value[:longestName], "") + "..."
	}
	if value != "" {
		fields[name] = value
	}
}

func (r *report) changed() (texts []string) {
	for _, c := range r.result.Changed {
		texts = append(texts, fmt.Sprintf("%s: %s -> %s", c.Key, c.Old, c.New))
	}
	return texts
}

func (r *report) left() (texts []string) {
	for _, key := range r.result.Right {
		texts = append(texts, fmt.Sprintf("%s: has the value already", key))
	}
	for _, key := range r.result.Absent {
		texts = append(texts, fmt.Sprintf("%s: not in this kernel", key))
	}
	for _, d := range r.decisions.List {
		if d.Verdict == policy.Leave {
			texts = append(texts, fmt.Sprintf("%s: %s", d.Key, d.Reason))
		}
	}
	return texts
}

// These bound how much a container's author can make the hook print, and log: a
// record that is too large for the system log would be lost.
const (
	maxWarnings = 10
	maxRecorded = 100
)

// shownWarnings returns the warnings for the user.
func (h *hook) shownWarnings() []string {
	return bounded(h.warnings, maxWarnings)
}

func bounded(texts []string, most int) []string {
	if more := len(texts) - most; more > 0 {
		return append(texts[:most:most], fmt.Sprintf("and %d more", more))
	}
	return texts
}
