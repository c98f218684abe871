package check

import (
	"regexp"
	"regexp/syntax"
)

// maxTexts bounds the list of an expression's texts.
const maxTexts = 64

// texts returns all texts that an expression such as ^(gold|silver)$ matches,
// nil where they are many or can't be told so easily.
func texts(expression *regexp.Regexp) []string {
	re, err := syntax.Parse(expression.String(), syntax.Perl)
	if err != nil {
		return nil
	}
	last := len(re.Sub) - 1
	if re.Op != syntax.OpConcat || re.Sub[0].Op != syntax.OpBeginText || re.Sub[last].Op != syntax.OpEndText {
		return nil
	}
	return concatenations(re.Sub[1:last])
}

// textsOf is texts for what stands between ^ and $.
func textsOf(re *syntax.Regexp) []string {
	switch {
	case re.Flags&syntax.FoldCase != 0:
		return nil
	case re.Op == syntax.OpEmptyMatch:
		return []string{""}
	case re.Op == syntax.OpLiteral:
		return []string{string(re.Rune)}
	case re.Op == syntax.OpCapture:
		return textsOf(re.Sub[0])
	case re.Op == syntax.OpConcat:
		return concatenations(re.Sub)
	case re.Op == syntax.OpAlternate:
		return alternatives(re.Sub)
	case re.Op == syntax.OpCharClass:
		return charTexts(re.Rune)
	}
	return nil
}

func concatenations(parts []*syntax.Regexp) []string {
	all := []string{""}
	for _, part := range parts {
		var longer []string
		for _, end := range textsOf(part) {
			for _, begin := range all {
				longer = append(longer, begin+end)
			}
		}
		if all = longer; len(all) > maxTexts {
			return nil
		}
	}
	return all
}

func alternatives(parts []*syntax.Regexp) []string {
	var all []string
	for _, part := range parts {
		some := textsOf(part)
		if all = append(all, some...); some == nil || len(all) > maxTexts {
			return nil
		}
	}
	return all
}

// charTexts are the characters of a class, which has pairs of a first and a last.
func charTexts(ranges []rune) []string {
	var all []string
	for i := 0; i < len(ranges); i += 2 {
		for c := ranges[i]; c <= ranges[i+1]; c++ {
			if all = append(all, string(c)); len(all) > maxTexts {
				return nil
			}
		}
	}
	return all
}
