package growthgeniusriver

import (
	"errors"
	"iter"
)

// all returns the errors of a type that err wraps, itself included.
func all[E error](err error) iter.Seq[E] {
	return func(yield func(E) bool) { walk(err, yield) }
}

// walk yields the errors of a type in a tree. It reports whether to go on.
func walk[E error](err error, yield func(E) bool) bool {
	if e, ok := err.(E); ok && !yield(e) { //nolint:errorlint // of each error in the tree
		return false
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range several.Unwrap() {
			if !walk(e, yield) {
				return false
			}
		}
		return true
	}
	if one := errors.Unwrap(err); one != nil {
		return walk(one, yield)
	}
	return true
}
