package growthgeniusriver

import (
	"errors"
	"iter"
)

// all returns the errors of a type that err wraps, itself included, as [errors.As] finds them.
func all[E error](err error) iter.Seq[E] {
	return func(yield func(E) bool) { walk(err, yield) }
}

// walk yields the errors of a type in a tree. It reports whether to go on.
func walk[E error](err error, yield func(E) bool) bool {
	e, ok := err.(E) //nolint:errorlint // of each error in the tree
	if as, is := err.(interface{ As(target any) bool }); !ok && is {
		ok = as.As(&e)
	}
	if ok && !yield(e) {
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
