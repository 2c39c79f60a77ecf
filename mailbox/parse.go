package mailbox

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/growthgenius/growthgenius-go/internal/charset"
)

// maxDepth is how deep parts may be in parts.
const maxDepth = 20

// words decodes the texts of headers.
var words = mime.WordDecoder{CharsetReader: func(label string, from io.Reader) (io.Reader, error) {
	return charset.NewReader(from, label), nil
}}

// parse reads a mail.
func parse(data []byte) (*Mail, error) {
	msg, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	m := &Mail{Subject: text(msg.Header.Get("Subject")), MessageID: messageID(msg.Header.Get("Message-Id"))}
	m.Date = date(msg.Header.Get("Date"))
	for name, to := range map[string]*[]*mail.Address{"From": &m.From, "To": &m.To, "Cc": &m.Cc, "Bcc": &m.Bcc} {
		*to = addresses(msg.Header[name])
	}
	if err := m.part(textproto.MIMEHeader(msg.Header), msg.Body, 0); err != nil {
		return nil, err
	}
	return m, nil
}

// text decodes the text of a header. What cannot be decoded stays as it is.
func text(raw string) string {
	decoded, err := words.DecodeHeader(raw)
	if err != nil {
		decoded = raw
	}
	if utf8.ValidString(decoded) {
		return decoded
	}
	converted, _ := io.ReadAll(charset.NewReader(strings.NewReader(decoded), western)) // it has all bytes
	return string(converted)
}

// western is what a text is taken for that names no charset and is not UTF-8.
const western = "windows-1252"

var bracketed = regexp.MustCompile(`<\s*([^<>\s]+)\s*>`)

// messageID returns the id in a header.
func messageID(raw string) string {
	if found := bracketed.FindStringSubmatch(raw); found != nil {
		return found[1]
	}
	return strings.TrimSpace(raw)
}

// dateLayouts are of dates that [mail.ParseDate] does not know.
var dateLayouts = []string{time.ANSIC, time.UnixDate, time.RFC3339, "Mon, 2 Jan 2006 15:04:05", "2 Jan 2006 15:04:05"}

// date returns the time in a header. Without a zone it is UTC.
func date(raw string) time.Time {
	raw = strings.TrimSpace(raw)
	if at, err := mail.ParseDate(raw); err == nil {
		return at
	}
	for _, layout := range dateLayouts {
		if at, err := time.Parse(layout, raw); err == nil {
			return at
		}
	}
	return time.Time{}
}

var (
	parser  = mail.AddressParser{WordDecoder: &words}
	address = regexp.MustCompile(`[^\s<>,;:"'()]+@[^\s<>,;:"'()]+`)
)

// addresses returns the addresses in headers. If the list is not as it should be, it returns
// what looks like an address.
func addresses(headers []string) (all []*mail.Address) {
	for _, raw := range headers {
		if list, err := parser.ParseList(raw); err == nil {
			all = append(all, list...)
			continue
		}
		for _, found := range address.FindAllString(raw, -1) {
			all = append(all, &mail.Address{Address: found})
		}
	}
	return all
}

// part reads a part of a mail: its text, or the parts in it.
func (m *Mail) part(h textproto.MIMEHeader, body io.Reader, depth int) error {
	if depth > maxDepth {
		return errors.New("the parts of the mail are nested too deep")
	}
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil && kind == "" {
		kind = "text/plain" // RFC 2045, 5.2
	}
	if disposition, _, err := mime.ParseMediaType(h.Get("Content-Disposition")); err == nil && disposition == "attachment" {
		return nil
	}
	switch {
	case strings.HasPrefix(kind, "multipart/") && params["boundary"] != "":
		return m.parts(multipart.NewReader(body, params["boundary"]), depth)
	case kind == "text/plain" && m.Text == "":
		m.Text, err = content(h, params["charset"], body)
	case kind == "text/html" && m.HTML == "":
		m.HTML, err = content(h, params["charset"], body)
	default:
		err = nil
	}
	return err
}

func (m *Mail) parts(all *multipart.Reader, depth int) error {
	for {
		part, err := all.NextRawPart()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && (m.Text != "" || m.HTML != ""):
			return nil // the mark of the end is missing in some mails
		case err != nil:
			return fmt.Errorf("reading the parts: %w", err)
		}
		if err := m.part(part.Header, part, depth+1); err != nil {
			return err
		}
	}
}

// content returns the text of a part.
func content(h textproto.MIMEHeader, label string, body io.Reader) (string, error) {
	switch strings.ToLower(strings.TrimSpace(h.Get("Content-Transfer-Encoding"))) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, &alphabet{body})
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return "", fmt.Errorf("reading the text: %w", err)
	}
	label = charset.Declared("text/plain; charset=" + label)
	if label == "" && !utf8.Valid(raw) {
		label = western
	}
	decoded, err := io.ReadAll(charset.NewReader(bytes.NewReader(raw), label))
	if err != nil {
		return "", fmt.Errorf("reading the text: %w", err)
	}
	return strings.ReplaceAll(string(decoded), "\r\n", "\n"), nil
}

// alphabet leaves out what is not part of base64: RFC 2045, 6.8.
type alphabet struct{ from io.Reader }

func (a *alphabet) Read(p []byte) (int, error) {
	for {
		n, err := a.from.Read(p)
		kept := p[:0]
		for _, c := range p[:n] {
			if 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '=' {
				kept = append(kept, c)
			}
		}
		if len(kept) > 0 || err != nil || len(p) == 0 {
			return len(kept), err //nolint:wrapcheck // a Reader returns io.EOF itself
		}
	}
}
