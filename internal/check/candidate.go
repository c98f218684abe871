package check

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

// candidate is a value that a setting lets a container have.
type candidate struct {
	what  string
	value string
}

const theValue = "the value"

// candidates returns a setting's value and the values that stand for its
// bounds: both ends, as often as the sysctl has fields, or every choice.
func candidates(s *policy.Setting, fields int) []candidate {
	var list []candidate
	if s.HasValue {
		list = append(list, candidate{theValue, s.Value})
	}
	if s.Override.Min != nil {
		list = append(list, candidate{"the minimum", repeat(*s.Override.Min, fields)})
	}
	if s.Override.Max != nil {
		list = append(list, candidate{"the maximum", repeat(*s.Override.Max, fields)})
	}
	for _, value := range s.Override.Values {
		list = append(list, candidate{"the choice", value})
	}
	return list
}

func repeat(n int64, fields int) string {
	return strings.TrimSuffix(strings.Repeat(strconv.FormatInt(n, 10)+" ", fields), " ")
}

// Unproven counts what Kernel would have tried, for those who don't run it.
func Unproven(p *policy.Policy) string {
	sysctls, values := 0, 0
	for _, rule := range p.Rules {
		for _, s := range rule.Settings {
			sysctls++
			values += len(candidates(s, 1))
		}
	}
	return fmt.Sprintf("that a kernel has the %d sysctls, that it takes their %d values and ends of bounds, and that these go together", sysctls, values)
}
