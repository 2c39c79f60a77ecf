package contactcsv

import (
	"fmt"
	"strings"
)

// Certainty is how sure a Reader is of something that it found out.
type Certainty int

// From least to most certain.
const (
	Guess   Certainty = iota // Nothing speaks for it but that nothing speaks for anything else: look at the rows.
	Likely                   // It fits, and others fit less.
	Certain                  // The file says so.
	Given                    // The caller said so, in [ReaderOptions].
)

// String returns "a guess", "likely", "certain" or "given".
func (c Certainty) String() string {
	switch c {
	case Guess:
		return "a guess"
	case Likely:
		return "likely"
	case Certain:
		return "certain"
	case Given:
		return "given"
	default:
		return fmt.Sprintf("Certainty(%d)", int(c))
	}
}

// Dialect is how a file is written, as it was found out or given.
type Dialect struct {
	Encoding string // "UTF-8", "UTF-16LE", "UTF-16BE", "windows-1252", or the name that was given.
	BOM      bool   // Whether the file begins with a byte-order mark.

	Delimiter rune
	LineEnd   string // "\n", "\r\n" or "\r".

	HeaderLine int // The line that the header row begins in; 0 if the caller gave the header.

	// How sure each of them is.
	EncodingSure, DelimiterSure, HeaderSure Certainty
}

// String returns the dialect in a line, such as
//
//	UTF-8 with BOM (certain), delimiter ";" (certain), header in line 4 (likely)
func (d Dialect) String() string {
	var b strings.Builder
	b.WriteString(d.Encoding)
	if d.BOM {
		b.WriteString(" with BOM")
	}
	delimiter := fmt.Sprintf("%q", string(d.Delimiter))
	if d.Delimiter == '\t' {
		delimiter = "tab"
	}
	fmt.Fprintf(&b, " (%s), delimiter %s (%s), ", d.EncodingSure, delimiter, d.DelimiterSure)
	if d.HeaderLine == 0 {
		b.WriteString("no header row")
	} else {
		fmt.Fprintf(&b, "header in line %d", d.HeaderLine)
	}
	fmt.Fprintf(&b, " (%s)", d.HeaderSure)
	return b.String()
}
