package engine

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/growthgenius/growthgenius-go/internal/charset"
)

// plainBody is a body without its content encoding and in UTF-8.
type plainBody struct {
	io.Reader
	io.Closer
}

// plain returns the body of a response without its content encoding and in UTF-8. A body
// that is not streamed may still begin with a byte-order mark: Response.read removes it.
func plain(res *http.Response, streamed bool) io.ReadCloser {
	label := charset.Declared(res.Header.Get("Content-Type"))
	codings := res.Header["Content-Encoding"] // net/http removes it where it has unzipped the body
	if label == "" && len(codings) == 0 && !streamed {
		return res.Body
	}
	var from io.Reader = res.Body
	for _, coding := range slices.Backward(strings.Split(strings.Join(codings, ","), ",")) {
		switch coding = strings.ToLower(strings.TrimSpace(coding)); coding {
		case "", "identity", "none", "utf-8", "utf8": // servers confuse it with a charset
		case "gzip", "x-gzip":
			from = &gunzip{from: from}
		default:
			from = unknownCoding{from, coding}
		}
	}
	return plainBody{charset.NewReader(from, label), res.Body}
}

// gunzip reads gzip data that net/http has not decoded, because it did not ask for it.
type gunzip struct {
	from io.Reader
	zip  *gzip.Reader
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.zip == nil {
		zip, err := gzip.NewReader(g.from)
		if err != nil {
			return 0, err //nolint:wrapcheck // io.EOF is that of an empty body
		}
		g.zip = zip
	}
	return g.zip.Read(p) //nolint:wrapcheck // a Reader returns io.EOF itself
}

// unknownCoding is a body with a content encoding that cannot be decoded. An empty body
// needs no decoding.
type unknownCoding struct {
	from io.Reader
	name string
}

func (u unknownCoding) Read([]byte) (int, error) {
	n, err := u.from.Read(make([]byte, 1))
	if n > 0 {
		err = &codingError{u.name}
	}
	return 0, err //nolint:wrapcheck // a Reader returns io.EOF itself
}

// codingError means that a body has a content encoding that cannot be decoded.
type codingError struct{ name string }

func (e *codingError) Error() string {
	return fmt.Sprintf("the body has the Content-Encoding %q, which the request did not ask for: "+
		"turn that off at the server or the proxy, or give WithHTTPClient a transport that decodes it", e.name)
}

// unreadable returns why no body can be read that ends with this error, although all of it
// may have arrived: it is not encoded as the header says. It returns nil for other errors.
func unreadable(err error) error {
	text, isText := errors.AsType[*charset.Error](err)
	coding, isCoded := errors.AsType[*codingError](err)
	_, isCorrupt := errors.AsType[flate.CorruptInputError](err)
	switch {
	case isText:
		return text
	case isCoded:
		return coding
	case errors.Is(err, gzip.ErrHeader):
		return errors.New("the header Content-Encoding says gzip, and the body is not gzip data")
	case errors.Is(err, gzip.ErrChecksum), isCorrupt:
		return fmt.Errorf("the gzip data of the body is corrupt: %w", err)
	default:
		return nil
	}
}
