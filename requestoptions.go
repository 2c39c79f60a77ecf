package growthgenius

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// RequestOption changes one call.
type RequestOption func(*callOptions)

type callOptions struct {
	began   time.Time
	asUser  *ID
	capture *ResponseInfo
	noRetry bool
	header  http.Header

	beforeCreate func(CreateToken) error
	matchOldest  bool
	matchCompany bool

	err error // the first mistake in an option
}

func applyOptions(opts []RequestOption) callOptions {
	if len(opts) == 0 {
		return callOptions{began: time.Now()} // nothing that the options could keep
	}
	o := callOptions{began: time.Now()}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return o
}

// AsUser makes one call act on behalf of another user.
func AsUser(id ID) RequestOption {
	return func(o *callOptions) { o.asUser = &id }
}

// CaptureResponse writes to info what the answer said besides its record, before the call
// returns. It stays as it was where no answer came. A call that makes several requests,
// such as [ContactsService.Upsert], writes it for each, so the last one stays; the lists in
// which a create without an answer is looked for are not among them, nor what
// [ContactsService.Resolve] reads.
func CaptureResponse(info *ResponseInfo) RequestOption {
	return func(o *callOptions) { o.capture = info }
}

// ResponseInfo is what an answer said besides its record. See [CaptureResponse].
type ResponseInfo struct {
	StatusCode int
	Header     http.Header
	RequestID  string        // Of the header X-Request-Id, X-Correlation-Id or Request-Id; "" where there is none.
	Attempts   int           // How many requests the call has sent, the last one included.
	Duration   time.Duration // From the beginning of the call to this answer, waits included.
	FromCache  bool          // By [WithEnrichmentCache]; then StatusCode is 200 or 404, and the rest is zero.
}

// NoRetry sends a call once. A create without a usable answer is looked for all the same.
func NoRetry() RequestOption {
	return func(o *callOptions) { o.noRetry = true }
}

// BeforeCreate hands over the token of a create before its first byte is sent, for a journal
// that outlives the process; an error of fn stops the call. It is called once a call, by
// Create and Upsert only: a POST of [Client.Do] has no token.
func BeforeCreate(fn func(CreateToken) error) RequestOption {
	return func(o *callOptions) { o.beforeCreate = fn }
}

// MatchOldest makes [ContactsService.Upsert] take the contact created first where several match.
func MatchOldest() RequestOption {
	return func(o *callOptions) { o.matchOldest = true }
}

// MatchNameAndCompany makes [ContactsService.Upsert] match by name and company where no
// contact has the e-mail, or none is given. It may overwrite a stranger of the same name.
func MatchNameAndCompany() RequestOption {
	return func(o *callOptions) { o.matchCompany = true }
}

// WithHeader adds a header to a call. The headers that carry the key, frame the message,
// would make net/http send a create twice (Idempotency-Key) or are the SDK's own (Accept)
// are refused. The lists in which a create is looked for are asked for with the same ones.
func WithHeader(key, value string) RequestOption {
	key = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(key)) // once: the option may be shared by goroutines
	return func(o *callOptions) {
		if err := checkHeader(key, value); err != nil {
			if o.err == nil {
				o.err = err
			}
			return
		}
		if o.header == nil {
			o.header = http.Header{}
		}
		o.header.Add(key, value)
	}
}

// ownHeaders are set by the SDK or by net/http and by nobody else.
var ownHeaders = map[string]string{
	"Authorization":     "it carries the API key given to NewClient",
	"Host":              "it would send the API key elsewhere: use WithBaseURL",
	"Idempotency-Key":   "net/http would send creates twice for it, and the API does not know it",
	"X-Idempotency-Key": "net/http would send creates twice for it, and the API does not know it",
	"Accept":            "the SDK reads JSON only",
	"Accept-Encoding":   "net/http decompresses only what it asked for itself",
	"Content-Type":      "the SDK sends JSON only",
	"Content-Encoding":  "the SDK does not compress",
	"Content-Length":    "it follows from the body",
	"Transfer-Encoding": "it follows from the body",
	"Connection":        "it belongs to the transport",
	"Proxy-Connection":  "it belongs to the transport",
	"Keep-Alive":        "it belongs to the transport",
	"Te":                "it belongs to the transport",
	"Trailer":           "it belongs to the transport",
	"Upgrade":           "it belongs to the transport",
	"Expect":            "it belongs to the transport",
}

func checkHeader(key, value string) error {
	if why, ours := ownHeaders[key]; ours {
		return fmt.Errorf("WithHeader may not set %s: %s", key, why)
	}
	if key == "" {
		return errors.New("WithHeader: the header's name is empty")
	}
	for _, r := range key {
		if r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return fmt.Errorf("WithHeader: %q is no header name", key)
		}
	}
	if err := checkHeaderValue(value); err != nil {
		return fmt.Errorf("WithHeader: %s: %w", key, err)
	}
	return nil
}

func checkHeaderValue(value string) error {
	for i := range len(value) {
		if c := value[i]; (c < ' ' && c != '\t') || c == 0x7f {
			return errors.New("the value has a control character")
		}
	}
	return nil
}
