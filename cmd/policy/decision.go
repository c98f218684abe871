package main

import (
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/plan"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

// decision is a decision in the output. docs/output.schema.json describes it.
type decision struct {
	Key      string  `json:"key"`
	Verdict  string  `json:"verdict"`
	Value    *string `json:"value,omitempty"`  // to be written
	Now      *string `json:"now,omitempty"`    // what the namespace holds, if it was looked at
	Absent   bool    `json:"absent,omitempty"` // there is no such key
	Door     string  `json:"door,omitempty"`
	Ask      *string `json:"ask,omitempty"`
	Rule     *rule   `json:"rule,omitempty"`
	Optional bool    `json:"optional,omitempty"`
	Reason   string  `json:"reason,omitempty"`
	Warning  string  `json:"warning,omitempty"`
}

// rule is where a decision comes from.
type rule struct {
	Name   string `json:"name"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

func newDecision(d plan.Decision) decision {
	out := decision{
		Key: d.Key.String(), Verdict: d.Verdict.String(), Absent: d.Absent,
		Door: d.Door.String(), Reason: d.Reason, Warning: d.Warning,
	}
	if d.Verdict == policy.Judge {
		out.Verdict, out.Reason = "undecided", "depends on what the namespace holds"
	}
	if d.Verdict == policy.Set {
		out.Value = &d.Value
	}
	if d.Known {
		out.Now = &d.Now
	}
	if d.Door != policy.NoAsk {
		out.Ask = &d.Ask
	}
	if s := d.Setting; s != nil {
		out.Rule = &rule{Name: s.Rule.Name, File: s.At.File(), Line: s.At.Line(), Column: s.At.Column()}
		out.Optional = s.Optional
	}
	return out
}
