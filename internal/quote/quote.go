// Package quote shows text that somebody else wrote.
package quote

import "strconv"

// max bounds, in bytes, what is shown of a text.
const max = 100

// Text returns the text in quotes, cut short, on one line and as ASCII: it can
// neither break a log's line nor give a terminal a command.
func Text(text string) string {
	if len(text) > max {
		return strconv.QuoteToASCII(text[:max]) + "..."
	}
	return strconv.QuoteToASCII(text)
}

// All is Text for each of the texts.
func All(texts []string) []string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = Text(text)
	}
	return quoted
}
