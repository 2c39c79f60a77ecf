package contactcsv

import (
	"fmt"
	"strings"

	"github.com/growthgenius/growthgenius-go"
)

// FileError means that a file cannot be read, or not any further. It says what to do. It
// matches [growthgenius.ErrInvalidInput], or the error of the reader of the file.
type FileError struct {
	Line   int    // The line of the file; 0 if the error is not about one.
	Reason string // What is wrong, and what to do about it.

	cause error
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return "contactcsv: " + e.Reason
	}
	return fmt.Sprintf("contactcsv: line %d: %s", e.Line, e.Reason)
}

// Unwrap returns the cause of the error.
func (e *FileError) Unwrap() error {
	if e.cause != nil {
		return e.cause
	}
	return growthgenius.ErrInvalidInput
}

// RowError means that a row cannot be a contact. It lists everything that is wrong with the
// row, so that it can be mended at once. It has none of the row's values, so that it can be
// logged. It matches [growthgenius.ErrInvalidInput].
type RowError struct {
	Line     int // The line that the row begins in.
	Problems []Problem
}

// Problem is what is wrong with a cell of a row, or with the row.
type Problem struct {
	Column string // The name of the column, or its number such as "#3"; "" if it is about the row.
	Field  string // The JSON name of the field; "" if it is about the row or the column has none.
	Reason string
}

func (e *RowError) Error() string {
	return fmt.Sprintf("contactcsv: line %d: %s", e.Line, e.reasons())
}

// reasons returns the problems in one line.
func (e *RowError) reasons() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Reason
		if p.Column != "" {
			texts[i] = fmt.Sprintf("column %q: %s", p.Column, p.Reason)
		}
	}
	return strings.Join(texts, "; ")
}

// fields returns the names of the fields, or of columns without one.
func (e *RowError) fields() string {
	var names []string
	for _, p := range e.Problems {
		switch {
		case p.Field != "":
			names = append(names, p.Field)
		case p.Column != "":
			names = append(names, p.Column)
		}
	}
	return strings.Join(names, "; ")
}

// Unwrap returns [growthgenius.ErrInvalidInput].
func (e *RowError) Unwrap() error { return growthgenius.ErrInvalidInput }
