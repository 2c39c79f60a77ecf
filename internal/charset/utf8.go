package charset

import (
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/transform"
)

// unknown copies a text whose charset is not known, as long as it is valid UTF-8.
type unknown struct {
	transform.NopResetter

	label string
	done  int // bytes written
}

func (u *unknown) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	valid := validPrefix(src)
	nDst = copy(dst, src[:valid])
	u.done += nDst
	switch {
	case nDst < valid:
		return nDst, nDst, transform.ErrShortDst
	case valid == len(src):
		return nDst, nDst, nil
	case !atEOF && !utf8.FullRune(src[valid:]):
		return nDst, nDst, transform.ErrShortSrc
	default:
		return nDst, nDst, &Error{fmt.Sprintf(
			"the header Content-Type names the charset %q, which is not known, and the text is not UTF-8 (byte %#02x after %d bytes)",
			u.label, src[valid], u.done)}
	}
}

// validPrefix returns how many bytes of b are valid UTF-8.
func validPrefix(b []byte) int {
	n := 0
	for n < len(b) {
		if b[n] < utf8.RuneSelf {
			n++
			continue
		}
		c, size := utf8.DecodeRune(b[n:])
		if c == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}

// western converts a text in one of the charsets of Western Europe, which have one byte
// for each character, or copies it if it is UTF-8. That is decided by the sample that
// begins with the first character that is not ASCII.
type western struct {
	table   *charmap.Charmap
	decided bool
	isUTF8  bool
}

// sampleSize is how much of a text must have arrived before it is taken for UTF-8.
const sampleSize = 1 << 10

func (w *western) Reset() { w.decided, w.isUTF8 = false, false }

func (w *western) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		c := src[nSrc]
		if c >= utf8.RuneSelf && !w.decided {
			sample := src[nSrc:min(len(src), nSrc+sampleSize)]
			if len(sample) < sampleSize && !atEOF {
				return nDst, nSrc, transform.ErrShortSrc
			}
			invalid := sample[validPrefix(sample):]
			cut := len(sample) == sampleSize && len(invalid) > 0 && !utf8.FullRune(invalid)
			w.decided, w.isUTF8 = true, len(invalid) == 0 || cut
		}
		if c < utf8.RuneSelf || w.isUTF8 {
			if nDst == len(dst) {
				return nDst, nSrc, transform.ErrShortDst
			}
			dst[nDst] = c
			nDst++
		} else {
			char := w.table.DecodeByte(c)
			if char == utf8.RuneError { // one of five that Windows-1252 does not have, and ISO-8859-1 has
				char = rune(c)
			}
			if len(dst)-nDst < utf8.RuneLen(char) {
				return nDst, nSrc, transform.ErrShortDst
			}
			nDst += utf8.EncodeRune(dst[nDst:], char)
		}
		nSrc++
	}
	return nDst, nSrc, nil
}
